import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { AreaField } from '../ui/field.tsx'
import { Badge, Problem } from '../ui/states.tsx'
import type { Rehearsal } from '../work/email-rule-types.ts'
import { OUTCOMES } from '../work/email-types.ts'

/** A mail is pasted, and what would become of it is said. Nothing is started. */
export function EmailTester({ path, onClose }: { path: string; onClose: () => void }): JSX.Element {
  const [mail, setMail] = useState('')
  const [judged, setJudged] = useState<Rehearsal | null>(null)
  const { busy, error, run } = useAction()
  const paste = (text: string) => {
    setMail(text)
    setJudged(null)
  }
  const judge = () => void run(async () => setJudged(await api.post<Rehearsal>(`${path}/test`, { mail })))
  return (
    <DialogForm title="Try a mail" action="Try" onClose={onClose} onSubmit={judge} busy={busy} disabled={!mail.trim()}>
      <AreaField
        label="Mail"
        hint="Its whole source (“show original” in most programs), or only some words. Nothing is started."
        value={mail}
        onInput={paste}
        error={fieldError(error, 'mail')}
        rows={judged ? 4 : 10}
        mono
        autofocus
      />
      <Problem error={elsewhere(error, ['mail'])} />
      {judged && <Verdict judged={judged} />}
    </DialogForm>
  )
}

function Verdict({ judged }: { judged: Rehearsal }) {
  const starts = judged.outcome === 'started'
  const [words, kind] = OUTCOMES[judged.outcome]
  const names = judged.starts.map(({ agent_name }) => agent_name ?? 'an agent that is gone').join(', ')
  return (
    <section class="dialog-text" role="status" aria-label="What would happen">
      <h3>
        {starts ? `It would start ${names}` : 'It would start nothing'} {!starts && <Badge kind={kind}>{words}</Badge>}
      </h3>
      <p class="break">{judged.reason}</p>
      {judged.note !== null && <p class="break">{judged.note}</p>}
      <dl class="facts">
        {judged.sender && (
          <Fact name="Sender">
            {judged.sender.name ? `${judged.sender.name} <${judged.sender.address}>` : judged.sender.address} (
            {judged.proven ? 'proven' : 'not proven'}: {judged.proven_reason})
          </Fact>
        )}
        <Fact name="Rules that fit">
          {judged.matches.map(({ phrase }) => (phrase === '' ? 'Every mail' : `“${phrase}”`)).join(', ') || 'none'}
        </Fact>
        <Fact name="Subject">{judged.subject || 'none'}</Fact>
        <Fact name="Text">
          {judged.text.slice(0, 300) || 'none'}
          {judged.folded && ' (earlier messages folded away)'}
        </Fact>
        {judged.attachments.length > 0 && (
          <Fact name="Attachments">{judged.attachments.map(({ name }) => name).join(', ')}</Fact>
        )}
        {judged.problems.map((problem) => (
          <Fact key={problem} name="Note">
            {problem}
          </Fact>
        ))}
      </dl>
    </section>
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="break">{children}</dd>
    </div>
  )
}
