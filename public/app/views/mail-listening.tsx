import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

const PATH = '/api/settings/mail'
const MIB = 1024 * 1024
const MATCHES = [
  ['first', 'Only the first rule that fits'],
  ['all', 'Every rule that fits'],
] as const

type MailSettings = {
  mail_poll_s: number
  mail_deadline_s: number
  mail_match: 'first' | 'all'
  mail_max_bytes: number
}

/** How mail is listened to, for all accounts. */
export function MailListening(): JSX.Element {
  const settings = useResource<MailSettings>(PATH)
  return (
    <Section title="Listening" intro="For all accounts.">
      <Problem error={settings.error} retry={() => void settings.reload()} />
      {settings.data && <MailListeningForm settings={settings.data} reload={settings.reload} />}
    </Section>
  )
}

function MailListeningForm({ settings, reload }: { settings: MailSettings; reload: () => Promise<void> }) {
  const [poll, setPoll] = useState(String(settings.mail_poll_s))
  const [deadline, setDeadline] = useState(String(settings.mail_deadline_s))
  const [largest, setLargest] = useState(String(settings.mail_max_bytes / MIB))
  const [match, setMatch] = useState<string>(settings.mail_match)
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.put(PATH, {
        mail_poll_s: Number(poll),
        mail_deadline_s: Number(deadline),
        mail_max_bytes: Math.round(Number(largest) * MIB),
        mail_match: match,
      })
      await reload()
      tell('Saved. It counts from now on.')
    })
  }
  const number = { type: 'number', min: 0, step: 1, required: true } as const
  return (
    <form onSubmit={save} class="edit-form">
      <div class="field-pair">
        <TextField
          {...number}
          label="Seconds between looks"
          hint="At folders of which the server announces nothing, and for accounts that an agent handles."
          value={poll}
          onInput={setPoll}
          error={fieldError(error, 'mail_poll_s')}
        />
        <TextField
          {...number}
          label="Seconds of silence"
          hint="A mail server that is silent for longer counts as gone: you are told, and Steward connects anew."
          value={deadline}
          onInput={setDeadline}
          error={fieldError(error, 'mail_deadline_s')}
        />
        <TextField
          {...number}
          step="any"
          label="Largest mail in MiB"
          hint="Of a larger one the agent is given the beginning only."
          value={largest}
          onInput={setLargest}
          error={fieldError(error, 'mail_max_bytes')}
        />
        <SelectField
          label="Rules that fit"
          value={match}
          options={MATCHES}
          onChange={setMatch}
          error={fieldError(error, 'mail_match')}
        />
      </div>
      <Problem error={elsewhere(error, ['mail_poll_s', 'mail_deadline_s', 'mail_max_bytes', 'mail_match'])} />
      <footer class="form-actions">
        <Button type="submit" busy={busy}>
          Set how to listen
        </Button>
      </footer>
    </form>
  )
}
