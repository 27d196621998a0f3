import type { JSX } from 'preact'
import { useId, useMemo, useState } from 'preact/hooks'
import type { ModelInfo } from '../../../services/shapes/frames.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Icon } from '../ui/icons.tsx'
import { Badge, Empty } from '../ui/states.tsx'
import { chooseModel, contextOf, model, models, priceOf } from './models.ts'

/** Shows which model answers and opens the choice. */
export function ModelButton(): JSX.Element {
  const [open, setOpen] = useState(false)
  const name = model.value?.name ?? 'Model'
  return (
    <>
      <button
        type="button"
        class="toggle model-button"
        aria-haspopup="dialog"
        title="Choose the model"
        onClick={() => setOpen(true)}
      >
        <span class="visually-hidden">Model: </span>
        <span class="ellipsis">{name}</span>
        <Icon name="down" size={14} />
      </button>
      {open && <ModelDialog onClose={() => setOpen(false)} />}
    </>
  )
}

function ModelDialog({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState<number | null>(null)
  const id = useId()
  const shown = useMemo(() => found(models.value ?? [], text), [text])
  const active =
    at ??
    Math.max(
      0,
      shown.findIndex((each) => each.id === model.value?.id),
    )
  const pick = (choice: ModelInfo | undefined) => {
    if (!choice) return
    chooseModel(choice.id)
    onClose()
  }
  const move = (by: number) => {
    const next = Math.min(shown.length - 1, Math.max(0, active + by))
    setAt(next)
    document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: 'nearest' })
  }
  return (
    <Dialog title="Which model answers?" onClose={onClose}>
      <input
        class="input"
        type="search"
        role="combobox"
        list={undefined}
        aria-label="Search models"
        placeholder="Search models"
        aria-expanded={true}
        aria-controls={id}
        aria-activedescendant={shown.length ? `${id}-${active}` : undefined}
        autofocus
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value)
          setAt(0)
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') move(1)
          else if (event.key === 'ArrowUp') move(-1)
          else if (event.key === 'Enter') pick(shown[active])
          else return
          event.preventDefault()
        }}
      />
      <div class="models" id={id} role="listbox" aria-label="Models">
        {groupsOf(shown).map(([provider, list]) => (
          <div role="group" key={provider} aria-labelledby={`${id}-${provider}`}>
            <div class="models-group" id={`${id}-${provider}`} role="presentation">
              {PROVIDERS[provider] ?? provider}
            </div>
            {list.map((each) => (
              <ModelOption
                key={each.id}
                id={`${id}-${shown.indexOf(each)}`}
                info={each}
                active={shown[active] === each}
                chosen={model.value?.id === each.id}
                onPick={() => pick(each)}
              />
            ))}
          </div>
        ))}
      </div>
      {!shown.length && <Empty icon="search" title="No model of that name" />}
    </Dialog>
  )
}

const PROVIDERS: Record<string, string> = {
  anthropic: 'Anthropic',
  openai: 'OpenAI',
  openrouter: 'OpenRouter',
  ollama: 'Ollama',
  rehearsal: 'Built in, works offline',
}

type OptionProps = { id: string; info: ModelInfo; active: boolean; chosen: boolean; onPick: () => void }

function ModelOption({ id, info, active, chosen, onPick }: OptionProps) {
  const { vision, tools, online } = info.capabilities
  return (
    <div id={id} class={active ? 'model active' : 'model'} role="option" aria-selected={chosen} onClick={onPick}>
      <span class="model-name">
        {info.name}
        {chosen && <Icon name="check" size={16} />}
      </span>
      <span class="model-badges">
        {vision && <Badge>vision</Badge>}
        {tools && <Badge>tools</Badge>}
        {online && <Badge>online</Badge>}
      </span>
      <span class="muted small">{[priceOf(info), contextOf(info)].filter(Boolean).join(' · ')}</span>
    </div>
  )
}

function found(list: ModelInfo[], text: string): ModelInfo[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const fits = ({ id, name }: ModelInfo) => words.every((word) => `${id} ${name}`.toLowerCase().includes(word))
  return groupsOf(list.filter(fits)).flatMap(([, group]) => group)
}

function groupsOf(list: ModelInfo[]): [string, ModelInfo[]][] {
  return [...Map.groupBy(list, ({ provider }) => provider)]
}
