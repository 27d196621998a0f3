import session, { type SessionData as ExpressSessionData } from 'express-session'
import type { SessionData, Sessions } from '../services/sessions.ts'

declare module 'express-session' {
  interface SessionData {
    userId?: string
    confirmedAt?: number
    userAgent?: string
    address?: string
  }
}

type Done<T = void> = (error?: unknown, value?: T) => void

/** express-session's view of `services/sessions.ts`. */
export class SessionStore extends session.Store {
  readonly #sessions: Sessions

  constructor(sessions: Sessions) {
    super()
    this.#sessions = sessions
  }

  override get(sid: string, done: Done<ExpressSessionData | null>): void {
    settle(done, () => (this.#sessions.read(sid)?.data as ExpressSessionData | undefined) ?? null)
  }

  override set(sid: string, data: ExpressSessionData, done?: Done): void {
    settle(done, () => this.#sessions.write(sid, data as SessionData))
  }

  override touch(sid: string, _data: ExpressSessionData, done?: Done): void {
    settle(done, () => this.#sessions.touch(sid))
  }

  override destroy(sid: string, done?: Done): void {
    settle(done, () => this.#sessions.destroy(sid))
  }
}

function settle<T>(done: Done<T> | undefined, work: () => T): void {
  let value: T
  try {
    value = work()
  } catch (error) {
    return done?.(error)
  }
  done?.(null, value)
}
