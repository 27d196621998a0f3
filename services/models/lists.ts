import { messageOf } from '../errors.ts'
import type { ListedModel } from './listed-model.ts'
import type { Provider } from './providers.ts'

export type ListsDeps = { now: () => number; log: { warn(obj: object, msg: string): void } }

/** What is known of a provider's models now. `fetched` is false while these are only the ones known without asking. */
export type Listing = { models: readonly ListedModel[]; fetched: boolean; problem: string | undefined }

type Entry = Listing & { key: string; freshUntil: number; fetching: Promise<void> | undefined }

const FRESH_MS = 60 * 60_000
/** After a failure, so that every page view does not ask again. */
const AGAIN_MS = 60_000
/** How long somebody who asks is kept waiting. */
const PATIENCE_MS = 1_500

/**
 * The model lists of the providers: fetched when asked for, once for all who ask at the same time, kept an hour for
 * the key they were fetched with. What could not be fetched is answered from what was known before.
 */
export function createLists({ now, log }: ListsDeps) {
  const entries = new Map<string, Entry>()

  function entryOf(provider: Provider): Entry {
    const key = provider.listKey()
    const entry = entries.get(provider.name)
    if (entry?.key === key) return entry
    const empty = { models: provider.known, fetched: false, problem: undefined }
    const fresh: Entry = { ...empty, key, freshUntil: -Infinity, fetching: undefined }
    entries.set(provider.name, fresh)
    return fresh
  }

  async function fetchInto(entry: Entry, provider: Provider): Promise<void> {
    try {
      entry.models = await provider.fetchList()
      entry.fetched = true
      entry.problem = undefined
      entry.freshUntil = now() + FRESH_MS
    } catch (error) {
      entry.problem = `The list of models of ${provider.label} could not be fetched. ${messageOf(error)}`
      entry.freshUntil = now() + AGAIN_MS
      log.warn({ provider: provider.name, reason: messageOf(error) }, 'could not fetch the list of models')
    }
  }

  function refresh(provider: Provider): Promise<void> {
    const entry = entryOf(provider)
    if (entry.freshUntil > now()) return entry.fetching ?? Promise.resolve()
    entry.fetching ??= fetchInto(entry, provider).finally(() => (entry.fetching = undefined))
    return entry.fetching
  }

  return {
    /** What is known now. */
    known: (provider: Provider): Listing => entryOf(provider),

    /** What is known now, while a list that is not fresh is fetched for the next one who asks. */
    glance(provider: Provider): Listing {
      void refresh(provider)
      return entryOf(provider)
    },

    /** What today's list says, or what is known where it does not come soon; the fetching then goes on by itself. */
    async look(provider: Provider): Promise<Listing> {
      const patience = Promise.withResolvers<void>()
      const timer = setTimeout(patience.resolve, PATIENCE_MS)
      await Promise.race([refresh(provider), patience.promise])
      clearTimeout(timer)
      return entryOf(provider)
    },
  }
}
