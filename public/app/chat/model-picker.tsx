import type { JSX } from 'preact'
import { useId, useMemo, useState } from 'preact/hooks'
import type { ModelInfo } from '../../../services/shapes/frames.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Icon } from '../ui/icons.tsx'
import { Badge, Empty } from '../ui/states.tsx'
import { chooseModel, contextOf, model, models, priceOf, PROVIDERS } from './models.ts'

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
  const [moved, setMoved] = useState<number | null>(null)
  const id = useId()
  const shown = useMemo(() => found(models.value ?? [], text), [text])
  const chosen = shown.findIndex((each) => each.id === model.value?.id)
  const active = moved ?? Math.max(0, chosen)
  const pick = (info: ModelInfo | undefined) => {
    if (!info) return
    chooseModel(info.id)
    onClose()
  }
  const move = (by: number) => {
    const next = Math.min(shown.length - 1, Math.max(0, active + by))
    setMoved(next)
    document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: 'nearest' })
  }
  const search = (next: string) => {
    setText(next)
    setMoved(0)
  }
  return (
    <Dialog title="Which model answers?" onClose={onClose}>
      <ModelSearch list={id} active={active} text={text} onText={search} move={move} pick={() => pick(shown[active])} />
      <ModelList id={id} shown={shown} active={active} pick={pick} />
      {!shown.length && <Empty icon="search" title="No model of that name" />}
    </Dialog>
  )
}

type SearchProps = {
  list: string
  active: number
  text: string
  onText: (text: string) => void
  move: (by: number) => void
  pick: () => void
}

function ModelSearch({ list, active, text, onText, move, pick }: SearchProps) {
  const keys: Record<string, () => void> = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: pick }
  return (
    <input
      class="input"
      type="search"
      role="combobox"
      list={undefined}
      aria-label="Search models"
      placeholder="Search models"
      aria-expanded={true}
      aria-controls={list}
      aria-activedescendant={`${list}-${active}`}
      autofocus
      value={text}
      onInput={(event) => onText(event.currentTarget.value)}
      onKeyDown={(event) => {
        const act = keys[event.key]
        if (!act) return
        event.preventDefault()
        act()
      }}
    />
  )
}

type ListProps = { id: string; shown: ModelInfo[]; active: number; pick: (info: ModelInfo) => void }

function ModelList({ id, shown, active, pick }: ListProps) {
  return (
    <div class="models" id={id} role="listbox" aria-label="Models">
      {groupsOf(shown).map(([provider, list]) => (
        <div role="group" key={provider} aria-labelledby={`${id}-${provider}`}>
          <div class="models-group" id={`${id}-${provider}`} role="presentation">
            {PROVIDERS[provider] ?? provider}
          </div>
          {list.map((info) => (
            <ModelOption
              key={info.id}
              id={`${id}-${shown.indexOf(info)}`}
              info={info}
              active={shown[active] === info}
              chosen={model.value?.id === info.id}
              onPick={() => pick(info)}
            />
          ))}
        </div>
      ))}
    </div>
  )
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
