import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { whileSeen } from '../while-seen.ts'
import type { Agent } from '../work/types.ts'
import { TelegramAnswers } from './telegram-answers.tsx'
import { TelegramBot } from './telegram-bot.tsx'
import { TelegramChats } from './telegram-chats.tsx'
import { TelegramTriggers } from './telegram-triggers.tsx'
import type { BotConfig } from './telegram-types.ts'

const LOOK_MS = 3_000

/** The bot at Telegram: how to get one, how it is, who may talk with it, and who answers. */
export function TelegramPage(): JSX.Element {
  const config = useResource<BotConfig>('/api/telegram/config')
  const agents = useResource<Agent[]>('/api/agents')
  useEffect(() => whileSeen(() => void config.reload(), LOOK_MS), [config.reload])
  const { data } = config
  return (
    <SettingsFrame>
      <Problem error={config.error ?? agents.error} retry={() => void config.reload()} />
      {!data && config.loading && <Loading />}
      {data && (
        <>
          <TelegramBot config={data} reload={config.reload} />
          {data.bot_token_set && <TelegramChats bot={data.bot?.username ?? ''} agents={agents.data ?? []} />}
          {data.bot_token_set && <TelegramTriggers agents={agents.data ?? []} />}
          {data.bot_token_set && <TelegramAnswers config={data} agents={agents.data ?? []} reload={config.reload} />}
        </>
      )}
    </SettingsFrame>
  )
}
