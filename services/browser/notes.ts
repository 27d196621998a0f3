import { quoted } from '../tools/wording.ts'

const MOST = 8

export type Notes = ReturnType<typeof createNotes>

/** What happened to a page beside what was wanted, in sentences for the model; each is told once. */
export function createNotes() {
  let lines = new Set<string>()
  const say = (line: string): void => void (lines.size < MOST && line !== '' && lines.add(line))

  return {
    say,
    blocked: (url: string): void =>
      say(`It wanted to go to ${url}, which was not opened. Call fetch_page with that URL to ask for it.`),
    redirected: (url: string): void =>
      say(`It redirects to ${url}, which was not opened. Call fetch_page with that URL to ask for it.`),
    dialog: (type: string, message: string): void =>
      say(`It showed a dialog (${type}) ${quoted(message, 300)}, which was dismissed.`),

    /** All of it, which is forgotten by that. */
    take(): string[] {
      const taken = [...lines]
      lines = new Set()
      return taken
    },
  }
}
