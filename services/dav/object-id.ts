import { AppError } from '../errors.ts'

/** An object of a calendar or address book; `recurrenceId`: one occurrence of a series, '' for all of it. */
export type ObjectPlace = { collectionId: string; name: string; recurrenceId: string }

const LONGEST = 1500

/** The id by which tools name an event or a contact. It says nothing to whom it is shown. */
export function objectIdOf({ collectionId, name, recurrenceId }: ObjectPlace): string {
  return Buffer.from(JSON.stringify([collectionId, name, recurrenceId])).toString('base64url')
}

/** Throws `not_found` for what was never such an id. */
export function objectPlaceOf(id: string): ObjectPlace {
  const place = id.length <= LONGEST ? parsed(id) : undefined
  if (place) return place
  throw new AppError('not_found', 'There is nothing with that id. Take ids from a list or a search.')
}

function parsed(id: string): ObjectPlace | undefined {
  try {
    const [collectionId, name, recurrenceId, ...rest] = JSON.parse(
      Buffer.from(id, 'base64url').toString('utf8'),
    ) as unknown[]
    const strings = [collectionId, name, recurrenceId].every((one) => typeof one === 'string')
    if (!strings || rest.length > 0 || !isName(name as string) || !/^(\d{8}(T\d{6}Z)?)?$/.test(recurrenceId as string))
      return undefined
    return { collectionId, name, recurrenceId } as ObjectPlace
  } catch {
    return undefined
  }
}

/** One segment below its collection, and none that leads elsewhere. */
export const isName = (name: string): boolean =>
  /^[^/?#\\]{1,500}$/.test(name) && !/^(\.|%2e){1,2}$/i.test(name) && !/%2f|%5c/i.test(name)

/** The segment of an object's address below its collection; undefined where it lies elsewhere. */
export function nameBelow(collection: string, url: string): string | undefined {
  const name = url.startsWith(collection) ? url.slice(collection.length) : ''
  return isName(name) ? name : undefined
}
