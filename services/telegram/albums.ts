import type { Update } from './api.ts'
import type { Incoming } from './incoming.ts'

/** Telegram brings the pictures of an album one by one; where none has followed for so long, it is whole. */
export const SETTLE_MS = 1_000
const MOST = 10

/** What is taken together, in order: a message by itself, or all of an album. `held`: what is waited for, and all after it. */
export type Gathered = { ready: Update[][]; held: Update | undefined }

export type Albums = ReturnType<typeof createAlbums>

/**
 * Finds the albums (media_group_id, https://core.telegram.org/bots/api#message) in what came in from one chat. What is held back is
 * not confirmed, so it comes again with what has followed it meanwhile, also after a crash.
 */
export function createAlbums(clock: () => number = () => performance.now()) {
  const waited = new Map<string, { size: number; since: number }>()

  function isWhole(group: readonly Update[]): boolean {
    const { media_group_id: album, chat } = group[0]?.message ?? {}
    if (album === undefined) return true
    const key = `${chat?.id}:${album}`
    const known = waited.get(key)
    if (known?.size !== group.length) waited.set(key, { size: group.length, since: clock() })
    const whole = group.length >= MOST || (known?.size === group.length && clock() - known.since >= SETTLE_MS)
    if (whole) waited.delete(key)
    return whole
  }

  return {
    gather(updates: readonly Update[]): Gathered {
      const groups = [...Map.groupBy(updates, (one) => one.message?.media_group_id ?? one.update_id).values()]
      const at = groups.findIndex((group) => !isWhole(group))
      return at < 0 ? { ready: groups, held: undefined } : { ready: groups.slice(0, at), held: groups[at]![0] }
    },
  }
}

/** The messages of an album as one: its words, which stand under one of the pictures, and all that came along. */
export function together(all: readonly Incoming[]): Incoming {
  const said = all.find(({ text }) => text !== '') ?? all[0]!
  if (all.length === 1) return said
  const files = all.flatMap((one) => one.files)
  return {
    ...said,
    files: files.map((file, at) => ({ ...file, name: file.name === 'photo.jpg' ? `photo-${at + 1}.jpg` : file.name })),
    forwarded: all.some(({ forwarded }) => forwarded),
    addressed: all.some(({ addressed }) => addressed),
    ownVoice: all.every(({ ownVoice }) => ownVoice),
    unfit: all.find(({ unfit }) => unfit !== undefined)?.unfit,
  }
}
