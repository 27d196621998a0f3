import { AppError } from '../errors.ts'

/** Where a mail lies: an account's folder as it was numbered then (RFC 3501, 2.3.1.1). */
export type MailPlace = { accountId: string; folder: string; uidValidity: string; uid: number }

const LONGEST = 2000

/** The id by which tools name a mail. It says nothing to whom it is shown. */
export function mailIdOf({ accountId, folder, uidValidity, uid }: MailPlace): string {
  return Buffer.from(JSON.stringify([accountId, folder, uidValidity, uid])).toString('base64url')
}

/** Throws `not_found` for what was never such an id. */
export function mailPlaceOf(id: string): MailPlace {
  const place = id.length <= LONGEST ? parsed(id) : undefined
  if (place) return place
  throw new AppError('not_found', 'There is no mail with that id. Take ids from a list or a search.')
}

function parsed(id: string): MailPlace | undefined {
  const value = valueOf(Buffer.from(id, 'base64url').toString('utf8'))
  if (!Array.isArray(value) || value.length !== 4) return undefined
  const [accountId, folder, uidValidity, uid] = value as unknown[]
  const strings = [accountId, folder, uidValidity].every((one) => typeof one === 'string' && one !== '')
  if (!strings || !Number.isSafeInteger(uid) || (uid as number) < 1) return undefined
  return { accountId, folder, uidValidity, uid } as MailPlace
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
