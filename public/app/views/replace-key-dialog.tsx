import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { dateOnly } from '../format.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { SelectField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'
import { expiryOf, EXPIRIES, type Expiry, type MadeKey } from './api-key-dialog.tsx'
import type { ApiKey } from './api-keys.tsx'

type ReplaceKeyDialogProps = { apiKey: ApiKey; onClose: () => void; onMade: (key: MadeKey) => void }

/** Another key with the same name and rights; the old one ends. */
export function ReplaceKeyDialog({ apiKey, onClose, onMade }: ReplaceKeyDialogProps): JSX.Element {
  const { expires_at } = apiKey
  const over = expires_at !== null && Date.parse(expires_at) <= Date.now()
  const same = expires_at === null ? 'Never, as before' : `On ${dateOnly(expires_at)}, as before`
  const [expiry, setExpiry] = useState<Expiry | 'same'>(over ? '365' : 'same')
  const { busy, error, run } = useAction()
  const replace = () =>
    void run(async () => {
      const wish = expiry === 'same' ? {} : { expires_at: expiryOf(expiry) }
      onMade(await api.post<MadeKey>(`/api/api-keys/${apiKey.id}/rotate`, wish))
    })
  return (
    <DialogForm
      title={`Replace ${apiKey.name}`}
      action="Make a new key"
      onClose={onClose}
      onSubmit={replace}
      busy={busy}
    >
      <p class="dialog-text">
        The new key has the same name and may do the same. The old one stops working at once: whatever uses it needs the
        new one.
      </p>
      <SelectField
        label="It expires"
        value={expiry}
        options={[
          ...(over ? [] : [['same', same] as const]),
          ...EXPIRIES.filter(([key]) => key !== 'never' || expires_at),
        ]}
        onChange={setExpiry}
      />
      <Problem error={error} />
    </DialogForm>
  )
}
