import type { Integrity } from '../shapes/labels.ts'
import type { Run, RunStore } from '../runs/store.ts'
import { render, type CodeFile } from './markdown.ts'
import { split, type Rich } from './rich.ts'

export type Composed = { parts: Rich[]; files: CodeFile[] }

export type ComposingDeps = {
  store: Pick<RunStore, 'find' | 'ofConversation'>
  clearedAfter: (conversationId: string) => number
  mask: (text: string) => string
}

const NAME = /(?:[\p{L}\p{N}-]+\.)+\p{L}{2,}/giu

export type Composing = ReturnType<typeof createComposing>

/**
 * What of a run goes to a chat: its words as messages that Telegram takes. Once the run has read what others wrote, only hosts
 * that the owner named can be followed by a tap.
 */
export function createComposing({ store, clearedAfter, mask }: ComposingDeps) {
  function namedBy(run: Run): (host: string) => boolean {
    const said = [...store.ofConversation(run.conversationId, clearedAfter(run.conversationId)), run]
      .filter(({ inputIntegrity }) => inputIntegrity === 'owner')
      .flatMap(({ input }) => [...input.matchAll(NAME)].map(([name]) => plainHost(name)))
    const hosts = new Set(said)
    return (host) => hosts.has(plainHost(host))
  }

  async function compose(run: Run, words: string, integrity: Integrity): Promise<Composed> {
    const rule = integrity === 'owner' ? {} : { mayLink: namedBy(run) }
    const { files, ...rich } = await render(mask(words), rule)
    return { parts: split(rich), files }
  }

  return {
    compose,

    /** The whole answer of a run that has ended. */
    final: (run: Run): Promise<Composed> => compose(run, finalWords(run), run.integrity),
  }
}

const plainHost = (host: string): string => host.toLowerCase().replace(/^www\./, '')

/** What was said, and how it ended where that is not by itself. */
export function finalWords({ status, answer, error, stopReason }: Run): string {
  const ending = {
    failed: `⚠ ${error ?? 'Something went wrong.'}`,
    interrupted: '⚠ Steward was interrupted three times in the middle of this, and has let it be.',
    stopped: stopReason === 'budget' ? `⚠ ${error ?? 'The budget is used up.'}` : `⏹ ${error ?? 'Stopped.'}`,
  }[status as 'failed']
  return [answer.trim(), ending].filter(Boolean).join('\n\n') || 'Done; there is nothing to say about it.'
}
