import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { CheckField } from '../ui/field.tsx'

type RecoveryCodesDialogProps = { codes: string[]; onClose: () => void }

/** The ten codes, shown this once, to be copied, saved or printed. */
export function RecoveryCodesDialog({ codes, onClose }: RecoveryCodesDialogProps): JSX.Element {
  const [kept, setKept] = useState(false)
  const [asked, setAsked] = useState(false)
  const text = codes.join('\n')
  return (
    <Dialog title="Your recovery codes" onClose={() => (kept ? onClose() : setAsked(true))}>
      <p class="dialog-text">
        Each stands in for a code once, should you lose your phone. This is the only time they are shown: keep them
        where you keep important papers.
      </p>
      <ul class="codes plain-list" aria-label="Recovery codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div class="row-actions">
        <CopyButton text={text} label="Copy them" />
        <a
          class="button plain small"
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(`Recovery codes for Steward\n\n${text}\n`)}`}
          download="steward-recovery-codes.txt"
        >
          <span>Save as a file</span>
        </a>
      </div>
      <CheckField label="I have kept them" checked={kept} onChange={setKept} />
      <p role="alert" class="form-error">
        {asked && !kept && 'They are not shown again. Say that you have kept them, then close this.'}
      </p>
      <footer class="dialog-actions">
        <Button look="primary" disabled={!kept} onClick={onClose}>
          Done
        </Button>
      </footer>
    </Dialog>
  )
}
