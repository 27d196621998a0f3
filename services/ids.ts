import { v7, validate } from 'uuid'

/** A new UUIDv7 (RFC 9562): unique, and later ones sort after earlier ones of this process. */
export const newId = (): string => v7()

export const isUuid = (text: string): boolean => validate(text)
