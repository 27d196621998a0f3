import type { Db } from '../../db/open.ts'
import type { Answers } from './answers.ts'
import type { Line } from './line.ts'
import type { Rich } from './rich.ts'

const PLACEHOLDER = '…'

export type Writing = ReturnType<typeof createWriting>

/**
 * Puts the words of a run into messages at Telegram, one message a part: an empty one is sent and its number written down,
 * then the words go in. So the same part can be put any number of times, also after a crash. One thing at a time for each run.
 */
export function createWriting({ db, answers }: { db: Db; answers: Answers }) {
  const turns = new Map<string, Promise<unknown>>()

  function inTurn<T>(runId: string, work: () => Promise<T>): Promise<T> {
    const before = turns.get(runId) ?? Promise.resolve()
    const mine = before.then(work, work)
    turns.set(runId, mine)
    const leave = () => turns.get(runId) === mine && turns.delete(runId)
    mine.then(leave, leave)
    return mine
  }

  async function begin(
    runId: string,
    chatId: string,
    index: number,
    line: Line,
    signal?: AbortSignal,
  ): Promise<number> {
    const replyTo = index === 0 && chatId.startsWith('-') ? answers.find(runId)?.messageId : undefined
    const made = await line.send(
      chatId,
      { text: PLACEHOLDER },
      { ...(replyTo === undefined ? {} : { replyTo }), ...(signal ? { signal } : {}) },
    )
    db.transact(() => answers.setPart(runId, index, made))
    return made
  }

  async function putNow(runId: string, chatId: string, index: number, rich: Rich, line: Line, signal?: AbortSignal) {
    const known = answers.part(runId, index)?.messageId
    const messageId = known ?? (await begin(runId, chatId, index, line, signal))
    if (await line.edit(chatId, messageId, rich, signal)) return
    const again = await begin(runId, chatId, index, line, signal)
    await line.edit(chatId, again, rich, signal)
  }

  return {
    put: (runId: string, chatId: string, index: number, rich: Rich, line: Line, signal?: AbortSignal): Promise<void> =>
      inTurn(runId, () => putNow(runId, chatId, index, rich, line, signal)),

    /** Resolves when nothing is being put any more. */
    finish: (runId: string): Promise<void> => inTurn(runId, async () => {}),
  }
}
