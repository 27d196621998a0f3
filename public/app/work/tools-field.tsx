import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { CheckField, ChoiceField } from '../ui/field.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Loading, Problem } from '../ui/states.tsx'

type Operation = {
  name: string
  description: string
  effect: string
  destructive: boolean
  attended_only: boolean
}
type Tool = { name: string; description: string; operations: Operation[] }

type Mode = 'all' | 'chosen' | 'none'

const modes = (preset: string) =>
  [
    ['all', preset, 'What needs your yes still asks for it.'],
    ['chosen', 'Only the tools chosen here'],
    ['none', 'No tools', 'It thinks and writes; it reads and changes nothing.'],
  ] as const satisfies [Mode, string, string?][]

type ToolsFieldProps = {
  value: string[] | null
  onChange: (tools: string[] | null) => void
  error: string | undefined
  preset?: string
}

/** What may be used: everything, whole tools or single operations of them, or nothing. */
export function ToolsField({
  value,
  onChange,
  error,
  preset = 'Every tool that may run unattended',
}: ToolsFieldProps): JSX.Element {
  const [mode, setMode] = useState<Mode>(value === null ? 'all' : value.length ? 'chosen' : 'none')
  const [chosen, setChosen] = useState(value ?? [])
  const pick = (next: string[]) => {
    setChosen(next)
    onChange(next)
  }
  const turn = (next: Mode) => {
    setMode(next)
    onChange(next === 'all' ? null : next === 'none' ? [] : chosen)
  }
  return (
    <>
      <ChoiceField label="It may use" value={mode} options={modes(preset)} onChange={turn} error={error} />
      {mode === 'chosen' && <ToolTree chosen={chosen} onChange={pick} />}
    </>
  )
}

type ToolTreeProps = { chosen: string[]; onChange: (tools: string[]) => void; nothing?: string }

/** Every tool with its operations, to choose from. */
export function ToolTree({
  chosen,
  onChange,
  nothing = 'Nothing is chosen yet: this is the same as no tools.',
}: ToolTreeProps): JSX.Element {
  const tools = useResource<{ items: Tool[] }>('/api/tools')
  return (
    <div class="tool-tree">
      <Problem error={tools.error} retry={() => void tools.reload()} />
      {!tools.data && tools.loading && <Loading />}
      {(tools.data?.items ?? []).map((tool) => (
        <ToolChoice key={tool.name} tool={tool} chosen={chosen} onChange={onChange} />
      ))}
      {!chosen.length && tools.data && <p class="hint">{nothing}</p>}
    </div>
  )
}

type ToolChoiceProps = { tool: Tool; chosen: string[]; onChange: (tools: string[]) => void }

function ToolChoice({ tool, chosen, onChange }: ToolChoiceProps) {
  const whole = chosen.includes(tool.name)
  const others = chosen.filter((name) => name !== tool.name && !name.startsWith(`${tool.name}.`))
  const names = tool.operations.map(({ name }) => `${tool.name}.${name}`)
  const choose = (name: string, on: boolean) => {
    const kept = names.filter((each) => (each === name ? on : whole || chosen.includes(each)))
    onChange(kept.length === names.length ? [...others, tool.name] : [...others, ...kept])
  }
  return (
    <fieldset class="field">
      <legend>
        <code>{tool.name}</code>
      </legend>
      <CheckField
        label={`All of ${tool.name}`}
        hint={tool.description}
        checked={whole}
        onChange={(on) => onChange(on ? [...others, tool.name] : others)}
      />
      <div class="tool-operations">
        {tool.operations.map((operation) => (
          <CheckField
            key={operation.name}
            label={<OperationName operation={operation} />}
            hint={operation.description}
            checked={whole || chosen.includes(`${tool.name}.${operation.name}`)}
            onChange={(on) => choose(`${tool.name}.${operation.name}`, on)}
          />
        ))}
      </div>
    </fieldset>
  )
}

function OperationName({ operation }: { operation: Operation }) {
  return (
    <>
      <code>{operation.name}</code> {operation.destructive && <Badge kind="ask">destroys</Badge>}{' '}
      {operation.attended_only && <Badge>only while you watch</Badge>}
    </>
  )
}
