/**
 * A text of others as a model is shown it: between marks that they could not have foreseen. `id`: a UUID that is told to
 * nobody before the text is written (its last 12 digits are the mark); a fresh one by default.
 */
export function dataBlock(text: string, id: string = crypto.randomUUID()): string {
  const mark = `data-${id.slice(-12)}`
  return `<${mark}>\n${text}\n</${mark}>`
}
