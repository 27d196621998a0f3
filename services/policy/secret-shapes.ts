/**
 * What secrets look like that nobody told Steward. Each pattern begins at a fixed word and goes over characters that end
 * it, so that looking takes time in proportion to the text.
 */
type Shape = { name: string; pattern: RegExp; holds?: (found: RegExpExecArray) => boolean }

/** The beginning of a token: nothing that could belong to it stands before. */
const T = '(?<![A-Za-z0-9_-])'
const W = '[A-Za-z0-9_-]'
const token = (name: string, body: string): Shape => ({ name, pattern: new RegExp(`${T}${body}`, 'g') })

const PREFIXED: Shape[] = [
  token('anthropic_key', `sk-ant-${W}{20,}`),
  token('openrouter_key', 'sk-or-v1-[0-9a-f]{32,}'),
  token('openai_key', `sk-(?:proj|svcacct|admin|None)-${W}{20,}`),
  token('api_key', 'sk-[A-Za-z0-9]{32,}'),
  token('github_token', 'gh[pousr]_[A-Za-z0-9]{30,}'),
  token('github_token', 'github_pat_[A-Za-z0-9_]{40,}'),
  token('gitlab_token', `glpat-${W}{20,}`),
  token('slack_token', 'xox[abeoprs]-[A-Za-z0-9-]{12,}'),
  token('slack_token', 'xapp-[A-Za-z0-9-]{20,}'),
  token('aws_key', '(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9_-])'),
  token('google_key', `AIza${W}{35}`),
  token('google_token', `ya29\\.${W}{20,}`),
  token('google_secret', `GOCSPX-${W}{20,}`),
  token('stripe_key', '(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}'),
  token('webhook_secret', 'whsec_[A-Za-z0-9+/=_-]{24,}'),
  token('steward_key', `stw_${W}{8}_${W}{43}`),
  token('telegram_token', `[0-9]{8,10}:AA${W}{32,34}(?!${W})`),
  token('npm_token', 'npm_[A-Za-z0-9]{36}'),
  token('pypi_token', `pypi-AgE${W}{40,}`),
  token('huggingface_token', 'hf_[A-Za-z0-9]{30,}'),
  token('sendgrid_key', `SG\\.${W}{16,32}\\.${W}{32,64}`),
  token('digitalocean_token', 'do[opr]_v1_[a-f0-9]{64}'),
  token('tailscale_key', 'tskey-[a-z]{2,12}-[A-Za-z0-9-]{16,}'),
  token('age_key', 'AGE-SECRET-KEY-1[A-Z0-9]{50,}'),
  token('jwt', `eyJ${W}{8,}\\.eyJ${W}{8,}\\.${W}{16,}`),
]

const ASSIGNED =
  /(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|credentials?|bearer)["'\]]{0,2}(?:\s{0,4}(?::=|=>|[:=])\s{0,4}|\s{1,4}(?:is|lautet|ist)\s{1,4}|\s{1,2})["'`]?([A-Za-z0-9_+/=~!@#$%^*-]{16,256})/gi

const SHAPES: Shape[] = [
  ...PREFIXED,
  {
    name: 'private_key',
    pattern: /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----\s{0,4}(?:\\n)?[A-Za-z0-9+/=:]/g,
  },
  {
    name: 'slack_webhook',
    pattern: /hooks\.slack\.com\/services\/T[A-Z0-9]{6,14}\/B[A-Z0-9]{6,14}\/[A-Za-z0-9]{16,32}/g,
  },
  { name: 'otpauth_url', pattern: /otpauth:\/\/(?:totp|hotp)\/[^\s"'<>]{0,300}?[?&]secret=[A-Za-z2-7]{12,}/gi },
  {
    name: 'password_in_url',
    pattern: /(?<![A-Za-z0-9+.-])[a-z][a-z0-9+.-]{1,15}:\/\/[^\s/:@"'<>]{1,64}:([^\s/:@"'<>]{6,128})@[a-z0-9[]/gi,
    holds: ([, secret]) => !isPlaceholder(secret!),
  },
  { name: 'assigned_secret', pattern: ASSIGNED, holds: ([, value]) => isRandom(value!) },
]

export type ShapeHit = { name: string; text: string }

/** Every token of a text that has the shape of a secret. Examples and placeholders are none. */
export function secretShapes(text: string): ShapeHit[] {
  const hits: ShapeHit[] = []
  for (const { name, pattern, holds } of SHAPES) {
    const known = hits.map((hit) => hit.text)
    for (const found of text.matchAll(pattern)) {
      if (isPlaceholder(found[0]) || holds?.(found) === false) continue
      if (!isSameAs(found[0], known)) hits.push({ name, text: found[0] })
    }
  }
  return hits
}

/** How many hits are looked at for being another's; a text with more has been found out. */
const MOST_COMPARED = 50

/** The general shapes come last, and see once more what a special one saw. */
const isSameAs = (text: string, known: readonly string[]): boolean =>
  known.slice(0, MOST_COMPARED).some((one) => text.includes(one) || one.includes(text))

/** What documents write where a secret would stand. */
function isPlaceholder(text: string): boolean {
  return (
    /example|your[_-]|placeholder|changeme|redacted|dummy|x{6}|\*{4}|\.{3}|<[a-z]|\$\{|123456789|abcdefgh/i.test(
      text,
    ) || /(.)\1{7}/.test(text)
  )
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const LEAST_BITS = 3.2
/** How often kinds of characters take turns, for each character: without digits, with one, with more. */
const LEAST_CHANGES = [0.4, 0.33, 0.2] as const

/** Whether somebody rolled dice for it: letters and digits mixed, no words with dashes, no UUID, no date. */
function isRandom(value: string): boolean {
  if (UUID.test(value) || isPlaceholder(value)) return false
  const digits = value.replace(/[^0-9]/g, '').length
  const letters = value.replace(/[^A-Za-z]/g, '').length
  if (letters < 2) return false
  if (/^[0-9a-f]+$/i.test(value)) return value.length >= 32 && entropy(value) >= 3
  if (/^[A-Za-z]+(?:[_/-][A-Za-z]+)*[_/-]?\d{1,4}$/.test(value)) return false
  return entropy(value) >= LEAST_BITS && changes(value) >= value.length * LEAST_CHANGES[Math.min(digits, 2)]!
}

/** Shannon's, in bits a character. */
function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0)
}

/** How often small letters, large letters, digits and signs take turns: names and addresses keep to one for long. */
function changes(text: string): number {
  const kinds = [...text].map((one) =>
    /[a-z]/.test(one) ? 'a' : /[A-Z]/.test(one) ? 'A' : /[0-9]/.test(one) ? '0' : '-',
  )
  return kinds.filter((kind, index) => index > 0 && kind !== kinds[index - 1]).length
}
