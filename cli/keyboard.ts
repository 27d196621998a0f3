import type { ReadStream } from 'node:tty'
import { CommandError, EXIT } from './command.ts'

/** What is typed at the terminal, line by line. */
export type Keyboard = {
  /** The next line; undefined at the end of the input, or where `signal` ends the question. */
  line: (signal?: AbortSignal) => Promise<string | undefined>
  /** The terminal belongs to somebody else (an editor) meanwhile. */
  lent: <T>(work: () => T) => T
  close: () => void
}

/**
 * Reads lines from now on, and gives out only those that are typed while somebody waits for one: what was typed ahead is no
 * answer to a question that nobody had read.
 */
export function openKeyboard(input: ReadStream = process.stdin): Keyboard {
  let waiting: ((line: string | undefined) => void) | undefined
  let rest = ''

  const answer = (line: string | undefined): void => {
    const tell = waiting
    waiting = undefined
    tell?.(line)
  }
  const read = (chunk: string | Buffer): void => {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop()!
    for (const line of lines) answer(line.replace(/\r$/, ''))
  }
  const ended = (): void => answer(undefined)
  input.setEncoding('utf8').on('data', read).on('end', ended).resume()

  return {
    line: (signal) =>
      new Promise((resolve) => {
        rest = ''
        if (input.readableEnded || signal?.aborted) return resolve(undefined)
        waiting = resolve
        signal?.addEventListener('abort', ended, { once: true })
      }),

    lent(work) {
      input.pause()
      try {
        return work()
      } finally {
        input.resume()
      }
    },

    close: () => void input.off('data', read).off('end', ended).pause(),
  }
}

const END = ['\u0003', '\u0004']
const BACK = ['\u007f', '\b']

/**
 * Lines typed at a terminal that shows none of them, one for each prompt; it is unseeing from before the first prompt until
 * after the last line. Ctrl-C and Ctrl-D give up.
 */
export function typedUnseen(
  show: (text: string) => void,
  prompts: string[],
  input: ReadStream = process.stdin,
): Promise<string[]> {
  input.setRawMode(true).setEncoding('utf8').resume()
  show(prompts[0]!)
  return new Promise((resolve, reject) => {
    const lines: string[] = []
    let line = ''
    const end = (tell: () => void): void => {
      input.off('data', read).setRawMode(false).pause()
      tell()
    }
    const giveUp = (): void => {
      show('\n')
      end(() => reject(new CommandError(EXIT.interrupted, 'Nothing was changed.')))
    }
    const next = (): void => {
      lines.push(line)
      line = ''
      show(`\n${prompts[lines.length] ?? ''}`)
      if (lines.length === prompts.length) end(() => resolve(lines))
    }
    const take = (key: string): void => {
      if (END.includes(key)) giveUp()
      else if (key === '\r' || key === '\n') next()
      else line = BACK.includes(key) ? [...line].slice(0, -1).join('') : line + key
    }
    const read = (chunk: string | Buffer): void => [...String(chunk)].forEach(take)
    input.on('data', read)
  })
}

/** All lines of what is piped in. */
export async function pipedLines(input: AsyncIterable<Buffer | string> = process.stdin): Promise<string[]> {
  return (await pipedText(input)).split(/\r?\n/)
}

export async function pipedText(input: AsyncIterable<Buffer | string> = process.stdin): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of input) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}
