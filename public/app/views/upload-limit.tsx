import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

const MIB = 1024 * 1024
const PATH = '/api/settings/files'

type FileSettings = { max_upload_bytes: number }

/** How much one upload may bring, for everybody. */
export function UploadLimit(): JSX.Element {
  const settings = useResource<FileSettings>(PATH)
  return (
    <Section title="Files">
      <Problem error={settings.error} retry={() => void settings.reload()} />
      {settings.data && <UploadLimitForm bytes={settings.data.max_upload_bytes} reload={settings.reload} />}
    </Section>
  )
}

function UploadLimitForm({ bytes, reload }: { bytes: number; reload: () => Promise<void> }) {
  const [text, setText] = useState(() => String(Math.ceil(bytes / MIB)))
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      await api.post(PATH, { max_upload_bytes: Math.round(Number(text) * MIB) })
      await reload()
      tell('Saved. It counts from the next upload on.')
    })
  }
  return (
    <form onSubmit={save} class="edit-form">
      <TextField
        label="Largest upload in MiB"
        hint="All files of one upload together."
        type="number"
        min={1}
        step={1}
        value={text}
        onInput={setText}
        error={fieldError(error, 'max_upload_bytes')}
        required
      />
      <Problem error={elsewhere(error, ['max_upload_bytes'])} />
      <footer class="form-actions">
        <Button type="submit" busy={busy}>
          Set the largest upload
        </Button>
      </footer>
    </form>
  )
}
