import type { JSX } from 'preact'
import { api } from '../api.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { Badge } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { EmailRule } from '../work/email-rule-types.ts'

type EmailRuleRowProps = {
  rule: EmailRule
  agent: string | undefined
  path: string
  /** How many rules there are. */
  of: number
  edit: () => void
  reload: () => Promise<void>
}

/** A rule, with its place among the others. */
export function EmailRuleRow({ rule, agent, path, of: count, edit, reload }: EmailRuleRowProps): JSX.Element {
  const name = rule.phrase === '' ? 'Every mail' : `“${rule.phrase}”`
  const of = <span class="visually-hidden"> {name}</span>
  const change = async (enabled: boolean) => {
    await api.put(path, { enabled })
    await reload()
  }
  return (
    <li class="row card-row">
      <div class="row-text">
        <strong class="break">{name}</strong> {!rule.enabled && <Badge>off</Badge>}
        <div class="muted small break">
          starts {agent ?? 'nobody'}
          {rule.agent_id === null && agent !== undefined && ', the agent of the account'}
        </div>
        {rule.warning !== null && (
          <div class="small break">
            <Badge kind="bad">idle</Badge> {rule.warning}
          </div>
        )}
      </div>
      <div class="row-actions">
        {count > 1 && <Places name={name} rule={rule} last={count} path={path} reload={reload} />}
        <Button small look="quiet" onClick={() => void change(!rule.enabled).catch(complain)}>
          Switch {rule.enabled ? 'off' : 'on'}
          {of}
        </Button>
        <Button small onClick={edit}>
          Edit{of}
        </Button>
        <Button small look="quiet" icon="trash" onClick={() => void remove(name, path, reload).catch(complain)}>
          Remove{of}
        </Button>
      </div>
    </li>
  )
}

type PlacesProps = { name: string; rule: EmailRule; last: number; path: string; reload: () => Promise<void> }

/** One up, one down; whoever moves by keyboard stays with the rule. */
function Places({ name, rule: { id, position }, last, path, reload }: PlacesProps) {
  const button = (way: 'up' | 'down') => `rule-${id}-${way}`
  const move = async (way: 'up' | 'down') => {
    const to = position + (way === 'up' ? -1 : 1)
    await api.put(path, { position: to })
    await reload()
    const isAtEnd = to === 1 || to === last
    const next = button(isAtEnd ? (way === 'up' ? 'down' : 'up') : way)
    requestAnimationFrame(() => document.getElementById(next)?.focus())
    tell(`${name} is number ${to} of ${last} now.`)
  }
  const step = (way: 'up' | 'down', disabled: boolean) => (
    <IconButton
      id={button(way)}
      icon={way === 'up' ? 'arrowUp' : 'arrowDown'}
      label={`Move ${name} ${way}`}
      disabled={disabled}
      onClick={() => void move(way).catch(complain)}
    />
  )
  return (
    <>
      {step('up', position === 1)}
      {step('down', position === last)}
    </>
  )
}

async function remove(name: string, path: string, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: 'Remove this rule?',
    body: `${name} starts nothing any more by this rule.`,
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await api.remove(path)
  await reload()
  tell('The rule was removed.')
}
