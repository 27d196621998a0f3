import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from './button.tsx'

/** Copies text; over plain HTTP the clipboard API is missing, so a hidden text area stands in. */
export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard)
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => copyBySelection(text),
    )
  return copyBySelection(text)
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'visually-hidden'
  const host = document.querySelector('dialog[open]') ?? document.body
  host.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  return copied
}

/** A button that copies and says so for a moment. */
export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }): JSX.Element {
  const [said, setSaid] = useState<string | null>(null)
  const copy = async () => {
    setSaid((await copyText(text)) ? 'Copied' : 'Select it and copy by hand')
    setTimeout(() => setSaid(null), 2000)
  }
  return (
    <Button small icon={said === 'Copied' ? 'check' : 'copy'} onClick={() => void copy()}>
      <span aria-live="polite">{said ?? label}</span>
    </Button>
  )
}
