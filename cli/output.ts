import { clean, cleanJson } from './clean.ts'

type Writable = { write: (text: string) => unknown; isTTY?: boolean | undefined }

export type Output = ReturnType<typeof createOutput>

/** Data goes to stdout, what people should know to stderr; whatever goes out is fit for a terminal. */
export function createOutput({ stdout, stderr, json }: { stdout: Writable; stderr: Writable; json: boolean }) {
  return {
    /** Data is JSON: one value, in one line. */
    json,
    /** Text as it comes, without a line end. */
    write: (text: string): void => void stdout.write(clean(text)),
    line: (text: string): void => void stdout.write(`${clean(text)}\n`),
    value: (value: unknown): void => void stdout.write(`${cleanJson(value)}\n`),
    /** For people. */
    say: (text: string): void => void stderr.write(`${clean(text)}\n`),
    /** The same, and the cursor stays behind it. */
    ask: (text: string): void => void stderr.write(clean(text)),
    error: (text: string): void => void stderr.write(json ? `${cleanJson({ error: text })}\n` : `${clean(text)}\n`),
  }
}
