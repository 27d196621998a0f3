import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Section } from '../ui/page.tsx'
import { complain } from '../ui/toast.tsx'

type Rotated = { recovery_key: string; note: string }

const QUESTION = {
  title: 'Rotate the master key?',
  body: 'Every credential is sealed anew and every other browser is signed out. Backups made before now need the old recovery key, so keep it with them.',
  action: 'Rotate',
  danger: true,
}

/** Changes the key under which everything here is sealed; the new recovery key is shown this once. */
export function MasterKey(): JSX.Element {
  const [rotated, setRotated] = useState<Rotated | null>(null)
  const rotate = async () => {
    if (await askConfirm(QUESTION)) setRotated(await api.post<Rotated>('/api/credentials/rotate-master-key', {}))
  }
  return (
    <Section
      title="Master key"
      intro="All credentials are sealed under it. Rotate it when somebody may have seen it or the recovery key."
    >
      {rotated && (
        <div role="status">
          <p>{rotated.note}</p>
          <div class="secret">
            <code>{rotated.recovery_key}</code>
            <CopyButton text={rotated.recovery_key} />
          </div>
        </div>
      )}
      <Button icon="key" onClick={() => void rotate().catch(complain)}>
        Rotate the master key
      </Button>
    </Section>
  )
}
