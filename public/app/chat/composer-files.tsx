import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { IconButton } from '../ui/button.tsx'
import { Icon } from '../ui/icons.tsx'
import { complain } from '../ui/toast.tsx'
import { ACCEPT, readFiles } from './attachments.ts'
import type { Attachment } from './types.ts'

/** The files of the message being written; `target` makes an element take dropped ones. */
export function useFiles() {
  const [files, setFiles] = useState<Attachment[]>([])
  const [over, setOver] = useState(false)
  const take = async (list: Iterable<File>) => {
    const { taken, problems } = await readFiles([...list], files)
    setFiles((before) => [...before, ...taken])
    for (const problem of problems) complain(new Error(problem))
  }
  const add = (list: Iterable<File>) => void take(list).catch(complain)
  const target = {
    onDragOver: (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      setOver(true)
    },
    onDragLeave: (event: DragEvent) => event.target === event.currentTarget && setOver(false),
    onDrop: (event: DragEvent) => {
      event.preventDefault()
      setOver(false)
      add(event.dataTransfer?.files ?? [])
    },
  }
  const remove = (key: string) => setFiles((before) => before.filter((file) => file.key !== key))
  return { files, add, remove, clear: () => setFiles([]), over, target }
}

/** Opens the file dialog. */
export function FileButton({ onFiles }: { onFiles: (files: Iterable<File>) => void }): JSX.Element {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <IconButton label="Attach files" icon="clip" onClick={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        multiple
        accept={ACCEPT}
        tabIndex={-1}
        aria-label="Files to attach"
        onChange={(event) => {
          onFiles(event.currentTarget.files ?? [])
          event.currentTarget.value = ''
        }}
      />
    </>
  )
}

/** What is attached so far, each with a way to take it off again. */
export function FileChips({ files, remove }: { files: Attachment[]; remove: (key: string) => void }) {
  if (!files.length) return null
  return (
    <ul class="chips plain-list" aria-label="Attached">
      {files.map((file) => (
        <li class="chip" key={file.key}>
          {file.preview ? <img src={file.preview} alt="" /> : <Icon name="file" size={16} />}
          <span class="ellipsis">{file.name}</span>
          <IconButton label={`Remove ${file.name}`} icon="close" onClick={() => remove(file.key)} />
        </li>
      ))}
    </ul>
  )
}
