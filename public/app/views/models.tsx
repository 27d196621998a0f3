import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { ModelInfo } from '../../../services/shapes/frames.ts'
import { api } from '../api.ts'
import { loadModels, models, modelsProblem, modelWarnings, PROVIDERS } from '../chat/models.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { counted } from '../format.ts'
import { isAdmin } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { CheckField, SelectField } from '../ui/field.tsx'
import { Icon } from '../ui/icons.tsx'
import { SearchField } from '../ui/search-field.tsx'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { DefaultModel } from './model-default.tsx'
import { ModelTable } from './model-table.tsx'
import { ProvidersToAdd } from './model-providers.tsx'

/** So many stand on the page at first; lists of brokers have hundreds. */
const SHOWN = 60

type Filter = { text: string; provider: string; vision: boolean; tools: boolean; free: boolean }
const EVERYTHING: Filter = { text: '', provider: '', vision: false, tools: false, free: false }

/** Every model there is, which one answers unless another is picked, and what it takes to have more. */
export function ModelsPage(): JSX.Element {
  const [filter, setFilter] = useState(EVERYTHING)
  const [limit, setLimit] = useState(SHOWN)
  const list = models.value
  useEffect(() => void loadModels(true), [])
  const change = (part: Partial<Filter>) => {
    setFilter((before) => ({ ...before, ...part }))
    setLimit(SHOWN)
  }
  const found = (list ?? []).filter((model) => fits(model, filter))
  return (
    <SettingsFrame>
      <Problem error={modelsProblem.value} retry={() => void loadModels(true)} />
      <Warnings />
      {!list && !modelsProblem.value && <Loading />}
      {list && <DefaultModel />}
      {list && <FilterForm filter={filter} providers={providersOf(list)} change={change} />}
      {list && found.length === 0 && <Empty icon="search" title="No model fits" />}
      {found.length > 0 && (
        <ModelTable
          models={found.slice(0, limit)}
          makeDefault={isAdmin() ? (model) => void makeDefault(model).catch(complain) : null}
        />
      )}
      {list && <p class="paging-total muted">{counted(found.length, 'model')}</p>}
      {found.length > limit && (
        <p class="more">
          <Button onClick={() => setLimit(limit + SHOWN)}>Show more</Button>
        </p>
      )}
      {list && isAdmin() && <ProvidersToAdd present={providersOf(list)} />}
    </SettingsFrame>
  )
}

async function makeDefault({ id, name }: ModelInfo): Promise<void> {
  await api.post('/api/settings/provider', { default_model: id })
  await loadModels(true)
  tell(`${name} answers from now on, unless another is picked.`)
}

const providersOf = (list: ModelInfo[]): string[] => [...new Set(list.map(({ provider }) => provider))]

function fits({ id, name, provider, capabilities, pricing }: ModelInfo, filter: Filter): boolean {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  return (
    words.every((word) => `${id} ${name}`.toLowerCase().includes(word)) &&
    (!filter.provider || provider === filter.provider) &&
    (!filter.vision || capabilities.vision) &&
    (!filter.tools || capabilities.tools) &&
    (!filter.free || (pricing.prompt === 0 && pricing.completion === 0))
  )
}

function Warnings() {
  return modelWarnings.value.map((text) => (
    <div class="notice problem" role="status" key={text}>
      <Icon name="alert" />
      <span>{text}</span>
    </div>
  ))
}

type FilterProps = { filter: Filter; providers: string[]; change: (part: Partial<Filter>) => void }

function FilterForm({ filter, providers, change }: FilterProps) {
  const options = [['', 'All providers'] as const, ...providers.map((name) => [name, PROVIDERS[name] ?? name] as const)]
  return (
    <form class="model-filters" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      <SearchField label="Search models" value={filter.text} onSearch={(text) => change({ text })} />
      <SelectField
        label="Provider"
        options={options}
        value={filter.provider}
        onChange={(provider) => change({ provider })}
      />
      <div class="checks">
        <CheckField label="Reads pictures" checked={filter.vision} onChange={(vision) => change({ vision })} />
        <CheckField label="Uses tools" checked={filter.tools} onChange={(tools) => change({ tools })} />
        <CheckField label="Free" checked={filter.free} onChange={(free) => change({ free })} />
      </div>
    </form>
  )
}
