/** Characters that hide text from people or turn it around: controls, zero-width, bidi marks, tags, soft hyphen. */
const HIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu

/**
 * What a tool brings in, made fit to be read: invisible characters are taken out and the length is capped
 * (`maxChars` characters, with a closing line that says so).
 */
export function sanitize(text: string, maxChars: number): string {
  const visible = text.replaceAll('\r\n', '\n').replace(HIDDEN, '')
  if (visible.length <= maxChars) return visible
  return `${visible.slice(0, maxChars)}\n[Cut here: the result has ${visible.length} characters, ${maxChars} are shown.]`
}
