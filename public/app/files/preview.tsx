import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { fileSize } from '../format.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Icon } from '../ui/icons.tsx'
import { Loading, Problem, Time } from '../ui/states.tsx'
import { downloadOf, type FileEntry } from './places.ts'

const MOST_TEXT_BYTES = 100_000

type Seen = { kind: 'image' | 'audio' | 'video' | 'pdf' | 'none' } | { kind: 'text'; text: string; cut: boolean }

/** Shows a file where that is safe, and offers it for download. What it is, the server tells by its content. */
export function Preview({
  path,
  entry,
  onClose,
}: {
  path: string
  entry: FileEntry
  onClose: () => void
}): JSX.Element {
  const [seen, setSeen] = useState<Seen | null>(null)
  const [error, setError] = useState<unknown>(null)
  const source = `${downloadOf(path)}&inline=1`
  useEffect(() => {
    look(source, entry.size).then(setSeen, setError)
  }, [source, entry.size])
  return (
    <Dialog title={entry.name} onClose={onClose} wide>
      <p class="muted small">
        {fileSize(entry.size)} · <Time at={entry.modified_at} />
      </p>
      <div class="preview">
        {!seen && !error && <Loading />}
        <Problem error={error} />
        {seen && <Shown seen={seen} source={source} name={entry.name} />}
      </div>
      <footer class="dialog-actions">
        {seen?.kind === 'pdf' && (
          <a class="button" href={source} target="_blank" rel="noopener">
            Open
          </a>
        )}
        <a class="button primary" href={downloadOf(path)} download={entry.name}>
          <Icon name="download" size={16} />
          Download
        </a>
      </footer>
    </Dialog>
  )
}

function Shown({ seen, source, name }: { seen: Seen; source: string; name: string }) {
  if (seen.kind === 'image') return <img src={source} alt={name} />
  if (seen.kind === 'audio') return <audio src={source} controls />
  if (seen.kind === 'video') return <video src={source} controls />
  if (seen.kind === 'text')
    return (
      <pre tabIndex={0}>
        {seen.text}
        {seen.cut && '\n…'}
      </pre>
    )
  return <p class="muted">{seen.kind === 'pdf' ? 'A PDF document.' : 'There is no preview of this kind of file.'}</p>
}

async function look(source: string, size: number): Promise<Seen> {
  const { ok, headers } = await fetch(source, { method: 'HEAD' })
  if (!ok) throw new Error('This file cannot be opened any more. Look at the folder again.')
  const type = headers.get('Content-Type') ?? ''
  if (!headers.get('Content-Disposition')?.startsWith('inline')) return { kind: 'none' }
  if (type === 'application/pdf') return { kind: 'pdf' }
  if (type.startsWith('text/')) return await textOf(source, size)
  const kind = type.split('/')[0]
  return kind === 'image' || kind === 'audio' || kind === 'video' ? { kind } : { kind: 'none' }
}

async function textOf(source: string, size: number): Promise<Seen> {
  const range = size > MOST_TEXT_BYTES ? { headers: { Range: `bytes=0-${MOST_TEXT_BYTES - 1}` } } : {}
  const text = await (await fetch(source, range)).text()
  return { kind: 'text', text, cut: size > MOST_TEXT_BYTES }
}
