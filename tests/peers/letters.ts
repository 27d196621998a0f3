import type { Exim } from './exim.ts'

/** A mail as it lies in a Maildir, as far as tests look at it. */
export type Letter = { headers: Record<string, string>; text: string }

/** Takes a mail of one text part apart. */
export function letterOf(mail: string): Letter {
  const at = mail.search(/\r?\n\r?\n/)
  const lines = mail
    .slice(0, at)
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const body = mail.slice(at).replace(/\r\n/g, '\n').replace(/^\n\n/, '')
  return { headers, text: decoded(body, headers['content-transfer-encoding'] ?? '7bit') }
}

function decoded(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  if (encoding !== 'quoted-printable') return body
  const bytes = body.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Gives out, each once, the mails that arrive at Exim; whether they come in the order in which they were sent is not known. */
export function lettersFrom(exim: Exim): { next: () => Promise<Letter>; count: () => number } {
  const given = new Set<string>()
  return {
    count: () => exim.mails().length,
    async next() {
      const mail = (await exim.arrived(given.size + 1)).find((one) => !given.has(one))!
      given.add(mail)
      return letterOf(mail)
    },
  }
}
