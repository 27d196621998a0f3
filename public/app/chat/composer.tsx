import type { JSX } from 'preact'
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { IconButton } from '../ui/button.tsx'
import { Icon } from '../ui/icons.tsx'
import { complain } from '../ui/toast.tsx'
import { ACCEPT, readFiles } from './attachments.ts'
import { ModelButton } from './model-picker.tsx'
import { model } from './models.ts'
import type { Attachment, OutgoingMessage } from './types.ts'

type ComposerProps = {
  id: string
  label: string
  onSend: (message: OutgoingMessage) => void
  /** Something is going on that can be stopped. */
  running?: boolean
  onStop?: () => void
  /** The open web was allowed in this conversation. */
  webOpen?: boolean
}

/** Where one types: grows with the text, keeps a draft, takes files by button, paste and drop. */
export function Composer({ id, label, onSend, running, onStop, webOpen = false }: ComposerProps): JSX.Element {
  const [text, setText] = useDraft(id)
  const [files, setFiles] = useState<Attachment[]>([])
  const [web, setWeb] = useState(false)
  const [over, setOver] = useState(false)
  const area = useGrowing(text)
  const hint = useId()
  const add = async (list: Iterable<File>) => {
    const { taken, problems } = await readFiles([...list], files)
    setFiles((before) => [...before, ...taken])
    for (const problem of problems) complain(new Error(problem))
  }
  const ready = text.trim() !== '' || files.length > 0
  const send = () => {
    if (!ready) return
    onSend({
      content: text.trim(),
      attachments: files,
      ...(model.value ? { model: model.value.id } : {}),
      ...(web ? { web } : {}),
    })
    setText('')
    setFiles([])
    setWeb(false)
    area.current?.focus()
  }
  return (
    <form
      class={over ? 'composer over' : 'composer'}
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes('Files')) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={(event) => event.target === event.currentTarget && setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        void add(event.dataTransfer?.files ?? [])
      }}
    >
      <FileChips files={files} remove={(key) => setFiles(files.filter((file) => file.key !== key))} />
      <textarea
        ref={area}
        data-arrival={matchMedia('(pointer: fine)').matches || undefined}
        rows={1}
        value={text}
        aria-label={label}
        aria-describedby={hint}
        placeholder={label}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
          event.preventDefault()
          send()
        }}
        onPaste={(event) => {
          const pasted = event.clipboardData?.files
          if (!pasted?.length) return
          event.preventDefault()
          void add(pasted)
        }}
      />
      <span id={hint} class="visually-hidden">
        Enter sends, Shift and Enter begins a new line. Files can be pasted or dropped here.
      </span>
      <div class="composer-tools">
        <FileButton onFiles={(list) => void add(list)} />
        <WebToggle on={web || webOpen} fixed={webOpen} onChange={setWeb} />
        <ModelButton />
        <span class="grow" />
        {running && onStop && <IconButton label="Stop" icon="stop" look="plain" class="stop" onClick={onStop} />}
        <IconButton label="Send" icon="send" look="primary" type="submit" class="send" disabled={!ready} />
      </div>
    </form>
  )
}

type WebToggleProps = { on: boolean; fixed: boolean; onChange: (on: boolean) => void }

function WebToggle({ on, fixed, onChange }: WebToggleProps) {
  const meaning = fixed
    ? 'Any website may be read in this chat, until you clear the context'
    : 'Let Steward read any website in this chat, not only the whitelisted ones'
  return (
    <button
      type="button"
      class="toggle"
      aria-label={`Web: ${meaning}`}
      aria-pressed={on}
      aria-disabled={fixed}
      title={meaning}
      onClick={() => !fixed && onChange(!on)}
    >
      <Icon name="globe" size={16} />
      <span>Web</span>
    </button>
  )
}

function FileButton({ onFiles }: { onFiles: (files: FileList) => void }) {
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
          if (event.currentTarget.files) onFiles(event.currentTarget.files)
          event.currentTarget.value = ''
        }}
      />
    </>
  )
}

function FileChips({ files, remove }: { files: Attachment[]; remove: (key: string) => void }) {
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

function useDraft(id: string): [string, (text: string) => void] {
  const key = `steward.draft.${id}`
  const [text, setText] = useState(() => sessionStorage.getItem(key) ?? '')
  const change = (next: string) => {
    setText(next)
    if (next) sessionStorage.setItem(key, next)
    else sessionStorage.removeItem(key)
  }
  return [text, change]
}

function useGrowing(text: string) {
  const area = useRef<HTMLTextAreaElement>(null)
  useLayoutEffect(() => {
    const box = area.current
    if (!box) return
    box.style.height = 'auto'
    box.style.height = `${box.scrollHeight}px`
  }, [text])
  return area
}
