import type { JSX, RefObject } from 'preact'
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { IconButton } from '../ui/button.tsx'
import { Icon } from '../ui/icons.tsx'
import { AgentPicker } from './agent-picker.tsx'
import { FileButton, FileChips, useFiles } from './composer-files.tsx'
import { ModelButton } from './model-picker.tsx'
import { model } from './models.ts'
import type { OutgoingMessage } from './types.ts'

type ComposerProps = {
  id: string
  label: string
  onSend: (message: OutgoingMessage) => void
  /** Something is going on that can be stopped. */
  running?: boolean
  onStop?: () => void
  /** The open web was allowed in this conversation. */
  webOpen?: boolean
  /** Nothing was said yet: who answers can still be chosen. */
  fresh?: boolean
  /** An agent answers here, with the model it was given. */
  ownModel?: boolean
}

/** Where one types: grows with the text, keeps a draft, takes files by button, paste and drop. */
export function Composer({
  id,
  label,
  onSend,
  running,
  onStop,
  webOpen = false,
  fresh = false,
  ownModel = false,
}: ComposerProps): JSX.Element {
  const [text, setText] = useDraft(id)
  const [web, setWeb] = useState(false)
  const [agent, setAgent] = useState('')
  const { files, add, remove, clear, over, target } = useFiles()
  const area = useRef<HTMLTextAreaElement>(null)
  const ready = text.trim() !== '' || files.length > 0
  const send = () => {
    if (!ready) return
    const who = fresh && agent ? { agent_id: agent } : {}
    const choice = model.value && !who.agent_id && !ownModel ? { model: model.value.id } : {}
    onSend({ content: text.trim(), attachments: files, ...choice, ...who, ...(web ? { web } : {}) })
    setText('')
    setWeb(false)
    clear()
    area.current?.focus()
  }
  const submit = (event: Event) => {
    event.preventDefault()
    send()
  }
  return (
    <form class={over ? 'composer over' : 'composer'} onSubmit={submit} {...target}>
      <FileChips files={files} remove={remove} />
      <TextBox area={area} label={label} text={text} onText={setText} onSend={send} onFiles={add} />
      <div class="composer-tools">
        <FileButton onFiles={add} />
        <WebToggle on={web || webOpen} fixed={webOpen} onChange={setWeb} />
        {!(fresh && agent) && !ownModel && <ModelButton />}
        {fresh && <AgentPicker value={agent} onChange={setAgent} />}
        <span class="grow" />
        {running && onStop && <IconButton label="Stop" icon="stop" look="plain" class="stop" onClick={onStop} />}
        <IconButton label="Send" icon="send" look="primary" type="submit" class="send" disabled={!ready} />
      </div>
    </form>
  )
}

type TextBoxProps = {
  area: RefObject<HTMLTextAreaElement | null>
  label: string
  text: string
  onText: (text: string) => void
  onSend: () => void
  onFiles: (files: Iterable<File>) => void
}

function TextBox({ area, label, text, onText, onSend, onFiles }: TextBoxProps) {
  const hint = useId()
  useGrowing(area, text)
  return (
    <>
      <textarea
        ref={area}
        data-arrival={matchMedia('(pointer: fine)').matches || undefined}
        rows={1}
        value={text}
        aria-label={label}
        aria-describedby={hint}
        placeholder={label}
        onInput={(event) => onText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
          event.preventDefault()
          onSend()
        }}
        onPaste={(event) => {
          const pasted = event.clipboardData?.files
          if (!pasted?.length) return
          event.preventDefault()
          onFiles(pasted)
        }}
      />
      <span id={hint} class="visually-hidden">
        Enter sends, Shift and Enter begins a new line. Files can be pasted or dropped here.
      </span>
    </>
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

function useGrowing(area: RefObject<HTMLTextAreaElement | null>, text: string): void {
  useLayoutEffect(() => {
    const box = area.current
    if (!box) return
    box.style.height = 'auto'
    box.style.height = `${box.scrollHeight}px`
  }, [text])
}
