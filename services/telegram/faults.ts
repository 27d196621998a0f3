import { messageOf } from '../errors.ts'

/**
 * Why a call to the Bot API came to nothing. `refused`: Telegram said no, so it did not happen. `unreachable`: it never got
 * there. `lost`: it may have happened. The message is a sentence for the owner, and holds no token.
 */
export class TelegramFault extends Error {
  readonly fate: 'refused' | 'unreachable' | 'lost'
  /** Telegram's own code; 0 where it said nothing. */
  readonly code: number
  readonly description: string
  /** How long Telegram wants us to wait. */
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    facts: { fate: TelegramFault['fate']; code?: number; description?: string; retryAfterMs?: number | undefined },
    cause?: unknown,
  ) {
    super(message, { cause })
    this.name = 'TelegramFault'
    this.fate = facts.fate
    this.code = facts.code ?? 0
    this.description = facts.description ?? ''
    this.retryAfterMs = facts.retryAfterMs
  }
}

type Answered = { error_code: number; description: string; parameters?: { retry_after?: number } }
type Broken = { error?: { code?: string; cause?: { code?: string } } }

const NEVER_LEFT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

export function telegramFault(error: unknown): TelegramFault {
  if (error instanceof TelegramFault) return error
  if (isAnswered(error)) return refused(error)
  const code = (error as Broken).error?.code ?? (error as Broken).error?.cause?.code ?? ''
  if (NEVER_LEFT.has(code))
    return new TelegramFault(
      'Telegram cannot be reached. Perhaps this machine is offline.',
      { fate: 'unreachable' },
      error,
    )
  if ((error as Error)?.name === 'HttpError')
    return new TelegramFault('The connection to Telegram broke, or it did not answer in time.', { fate: 'lost' }, error)
  return new TelegramFault(`The call to Telegram failed: ${messageOf(error)}`, { fate: 'lost' }, error)
}

function refused({ error_code: code, description, parameters }: Answered): TelegramFault {
  const seconds = parameters?.retry_after
  const facts = { fate: 'refused', code, description, retryAfterMs: seconds && seconds * 1000 } as const
  return new TelegramFault(wordsOf(code, description), { ...facts, retryAfterMs: facts.retryAfterMs || undefined })
}

function wordsOf(code: number, description: string): string {
  const said = description.replace(/\s+/g, ' ').slice(0, 200)
  if (code === 401 || code === 404)
    return 'Telegram does not accept the bot token. Copy it again from BotFather, or make a new one there with /token.'
  if (code === 409 && /webhook/i.test(description))
    return 'A webhook is set for this bot, so its messages go elsewhere. Steward takes it away and tries again.'
  if (code === 409)
    return 'Another program asks Telegram for the messages of this bot. Stop it, or give Steward a bot of its own.'
  if (code === 429) return 'Telegram asks to go slower.'
  if (code >= 500) return `Telegram has trouble of its own (${code}).`
  return `Telegram refused it: ${said}`
}

function isAnswered(error: unknown): error is Answered {
  return typeof (error as Partial<Answered>)?.error_code === 'number'
}
