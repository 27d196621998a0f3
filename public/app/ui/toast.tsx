import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { sentence } from '../api.ts'
import { Button, IconButton } from './button.tsx'
import { Icon } from './icons.tsx'

/** Something that can be done about it, while the toast is there. */
type Offer = { label: string; act: () => unknown }
type Toast = { id: number; text: string; kind: 'done' | 'problem'; offer?: Offer | undefined }

const toasts = signal<Toast[]>([])
let next = 1

function show(kind: Toast['kind'], text: string, ms: number, offer?: Offer): void {
  const id = next++
  toasts.value = [...toasts.value.filter((toast) => toast.text !== text), { id, text, kind, offer }].slice(-3)
  setTimeout(() => dismiss(id), ms)
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id)
}

/** Says that something worked, and for a while longer where something is offered with it. */
export const tell = (text: string, offer?: Offer): void => show('done', text, offer ? 10_000 : 4000, offer)

/** Says what went wrong, in the server's sentence; silent when the reader cancelled. */
export function complain(error: unknown): void {
  const text = sentence(error)
  if (text) show('problem', text, 9000)
}

/** Where toasts appear; mounted once. Problems interrupt a screen reader, the rest waits its turn. */
export function ToastHost(): JSX.Element {
  const of = (kind: Toast['kind']) => toasts.value.filter((toast) => toast.kind === kind)
  return (
    <div class="toasts">
      <div role="status" aria-live="polite">
        {of('done').map((toast) => (
          <Card key={toast.id} toast={toast} />
        ))}
      </div>
      <div role="alert">
        {of('problem').map((toast) => (
          <Card key={toast.id} toast={toast} />
        ))}
      </div>
    </div>
  )
}

function take(id: number, { act }: Offer): void {
  dismiss(id)
  act()
}

function Card({ toast }: { toast: Toast }) {
  return (
    <div class={`toast ${toast.kind}`}>
      <Icon name={toast.kind === 'done' ? 'check' : 'alert'} />
      <span>{toast.text}</span>
      {toast.offer && (
        <Button small onClick={() => take(toast.id, toast.offer!)}>
          {toast.offer.label}
        </Button>
      )}
      <IconButton label="Dismiss" icon="close" onClick={() => dismiss(toast.id)} />
    </div>
  )
}
