import type { ModelEvent } from '../agent/model.ts'
import type { Masking } from '../policy/masking.ts'
import { throughCatalogue } from '../tools/through-catalogue.ts'

/** What of a turn is held back, since it could be the beginning of a secret. */
export type Unsaid = { rest: () => string }

/** A rest of this length and more may be most of a secret; it is not said where the turn breaks off. */
const TELLING = 8

/**
 * A model turn whose words hold no known secret, also where one is cut over two pieces. The arguments of calls are as
 * the model wrote them: the policy looks at those, and calls through the catalogue are the calls they stand for.
 */
export function maskedTurn(events: AsyncIterable<ModelEvent>, masking: Pick<Masking, 'mask' | 'maskedText'>) {
  let text = masking.maskedText()

  async function* turn(): AsyncGenerator<ModelEvent> {
    for await (const event of events) {
      if (event.type === 'text') yield* said(text.push(event.delta))
      else if (event.type === 'restart') {
        text = masking.maskedText()
        yield event
      } else {
        yield* said(text.end())
        yield { ...event, parts: event.parts.map(maskedPart).map(throughCatalogue) }
      }
    }
  }

  type Part = Extract<ModelEvent, { type: 'end' }>['parts'][number]
  const maskedPart = (part: Part): Part => (part.type === 'text' ? { ...part, text: masking.mask(part.text) } : part)

  function rest(): string {
    const held = text.end()
    return held.length < TELLING ? held : ''
  }

  return { turn: turn(), rest }
}

function* said(delta: string): Generator<ModelEvent> {
  if (delta !== '') yield { type: 'text', delta }
}
