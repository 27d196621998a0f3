/** What the routes say of Telegram. */

export type NoticeKind = 'approval' | 'result' | 'trouble' | 'missed' | 'budget'

export type BotConfig = {
  bot_token_set: boolean
  status: 'stopped' | 'starting' | 'running' | 'error'
  last_error: string | null
  last_heard_at: string | null
  bot: { id: string; username: string; name: string } | null
  enabled: boolean
  default_agent_id: string | null
  max_age_s: number
  deadline_s: number
  notices: NoticeKind[]
}

export type TelegramChat = { chat_id: string; label: string; owner: boolean; created_at: string }

export type TelegramTrigger = {
  id: string
  position: number
  trigger_word: string
  agent_id: string
  enabled: boolean
}
