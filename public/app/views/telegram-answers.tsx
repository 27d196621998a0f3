import type { JSX } from 'preact'
import { api } from '../api.ts'
import { CheckField, SelectField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { complain } from '../ui/toast.tsx'
import type { Agent } from '../work/types.ts'
import type { BotConfig, NoticeKind } from './telegram-types.ts'

const KINDS: readonly (readonly [NoticeKind, string])[] = [
  ['approval', 'Questions of what runs by itself, with buttons'],
  ['trouble', 'What failed'],
  ['result', 'What finished'],
  ['missed', 'Schedules that missed their time'],
  ['budget', 'Budgets that run out'],
]
const AGES = [
  ['60', 'a minute'],
  ['600', 'ten minutes'],
  ['3600', 'an hour'],
  ['86400', 'a day'],
] as const

const SILENCES = [
  ['30', 'half a minute'],
  ['75', '75 seconds'],
  ['300', 'five minutes'],
] as const

type Props = { config: BotConfig; agents: readonly Agent[]; reload: () => Promise<void> }

/** Who answers, what is told unasked, and what is too old. Each choice holds at once. */
export function TelegramAnswers({ config, agents, reload }: Props): JSX.Element {
  const set = (change: Partial<BotConfig>) => void api.post('/api/telegram/config', change).then(reload).catch(complain)
  return (
    <>
      <Section title="Answers">
        <SelectField
          label="Who answers where no trigger fits"
          value={config.default_agent_id ?? ''}
          options={[['', 'Steward itself'], ...agents.map(({ id, name }) => [id, name] as const)]}
          onChange={(id) => set({ default_agent_id: id || null })}
        />
        <SelectField
          label="Messages that waited longer are reported, not acted on"
          value={String(config.max_age_s)}
          options={withOther(AGES, config.max_age_s)}
          onChange={(seconds) => set({ max_age_s: Number(seconds) })}
        />
        <SelectField
          label="You are told when Telegram has been silent for"
          value={String(config.deadline_s)}
          options={withOther(SILENCES, config.deadline_s)}
          onChange={(seconds) => set({ deadline_s: Number(seconds) })}
        />
      </Section>
      <Section title="Tell me" intro="In all chats that are yours.">
        {KINDS.map(([kind, words]) => (
          <CheckField
            key={kind}
            label={words}
            checked={config.notices.includes(kind)}
            onChange={(on) =>
              set({
                notices: KINDS.map(([one]) => one).filter((one) => (one === kind ? on : config.notices.includes(one))),
              })
            }
          />
        ))}
      </Section>
    </>
  )
}

/** The choices, and what was set by a script. */
function withOther(choices: readonly (readonly [string, string])[], seconds: number) {
  const known = choices.some(([value]) => value === String(seconds))
  return known ? choices : [...choices, [String(seconds), `${seconds} seconds`] as const]
}
