import { textOfBytes } from './charsets.ts'

/** What a winmail.dat holds; `whole` is false where it could not be read to its end, `richText` says that it has words as RTF. */
export type Tnef = {
  text: string
  html: Uint8Array
  codePage: number
  richText: boolean
  files: TnefFile[]
  whole: boolean
}
export type TnefFile = { name: string; mediaType: string; data: Uint8Array; isMail: boolean }

type Property = { id: number; values: { text: string; bytes: Uint8Array }[] }

const SIGNATURE = 0x223e9f78
const NOTHING = new Uint8Array(0)
const MOST_FILES = 200
const MOST_PROPERTIES = 10_000

/** Attributes by their ids (MS-OXTNEF, 2.1.3.2). */
const TEXT = 0x0002800c
const PROPERTIES = 0x00069003
const CODE_PAGE = 0x00069007
const FILE_BEGINS = 0x00069002
const FILE_NAME = 0x00018010
const FILE_DATA = 0x0006800f
const FILE_PROPERTIES = 0x00069005

/** Properties by their ids (MS-OXPROPS). */
const BODY = 0x1000
const HTML = 0x1013
const RICH_TEXT = 0x1009
const LONG_NAME = 0x3707
const MEDIA_TYPE = 0x370e
const DATA = 0x3701
const METHOD = 0x3705
const INTERNET_CODE_PAGE = 0x3fde
const EMBEDDED_MAIL = 5

/** How long a value of each type is (MS-OXTNEF, 2.1.3.4); those that are missing here say it themselves. */
const FIXED: Record<number, number> = {
  0x0001: 4,
  0x0002: 4,
  0x0003: 4,
  0x0004: 4,
  0x0005: 8,
  0x0006: 8,
  0x0007: 8,
  0x000a: 4,
  0x000b: 4,
  0x0014: 8,
  0x0040: 8,
  0x0048: 16,
}
/** Code pages that are not called by their number. */
const NAMED: Record<number, string> = {
  874: 'windows-874',
  20866: 'koi8-r',
  21866: 'koi8-u',
  50220: 'iso-2022-jp',
  51932: 'euc-jp',
  51949: 'euc-kr',
  54936: 'gb18030',
  65001: 'utf-8',
}
const OBJECT = 0x000d
const STRING8 = 0x001e
const UNICODE = 0x001f
const BINARY = 0x0102
const MANY = 0x1000

/** The end came before what was said to be there. */
class Short extends Error {}

/**
 * Outlook's own wrapping of a mail, TNEF (MS-OXTNEF): its words and its files. Reads as far as it can, and throws nothing; undefined
 * for what is none. What is damaged or cut off ends the reading; checksums are not looked at, as other programs do.
 */
export function readTnef(data: Uint8Array): Tnef | undefined {
  const from = readerOf(data)
  if (data.length < 6 || from.u32() !== SIGNATURE) return undefined
  from.bytes(2)
  const found: Tnef = { text: '', html: NOTHING, codePage: 0, richText: false, files: [], whole: true }
  try {
    while (from.left() > 0 && found.files.length <= MOST_FILES) attribute(from, found)
  } catch (error) {
    if (!(error instanceof Short)) throw error
    found.whole = false
  }
  found.files = found.files.filter(({ data: content, name }) => content.length > 0 || name !== '').slice(0, MOST_FILES)
  return found
}

function attribute(from: Reader, found: Tnef): void {
  from.bytes(1)
  const id = from.u32()
  const value = from.bytes(from.u32())
  const file = found.files.at(-1)
  if (id === TEXT) found.text ||= stringOf(value, found.codePage)
  else if (id === CODE_PAGE && value.length >= 4) found.codePage = readerOf(value).u32()
  else if (id === PROPERTIES) ofMail(value, found)
  else if (id === FILE_BEGINS) found.files.push({ name: '', mediaType: '', data: NOTHING, isMail: false })
  else if (id === FILE_NAME && file) file.name ||= stringOf(value, found.codePage)
  else if (id === FILE_DATA && file) file.data = value
  else if (id === FILE_PROPERTIES && file) ofFile(value, file, found.codePage)
  from.bytes(2)
}

function ofMail(value: Uint8Array, found: Tnef): void {
  for (const { id, values } of propertiesIn(value, found.codePage)) {
    const [first] = values
    if (!first) continue
    if (id === BODY) found.text ||= first.text
    if (id === HTML) found.html = first.bytes
    if (id === RICH_TEXT) found.richText = true
    if (id === INTERNET_CODE_PAGE) found.codePage = readerOf(first.bytes).u32()
  }
}

function ofFile(value: Uint8Array, file: TnefFile, codePage: number): void {
  for (const { id, values } of propertiesIn(value, codePage)) {
    const [first] = values
    if (!first) continue
    if (id === LONG_NAME && first.text !== '') file.name = first.text
    if (id === MEDIA_TYPE) file.mediaType = first.text
    if (id === DATA && file.data.length === 0) file.data = first.bytes
    if (id === METHOD) file.isMail = readerOf(first.bytes).u32() === EMBEDDED_MAIL
  }
}

function* propertiesIn(value: Uint8Array, codePage: number): Generator<Property> {
  const from = readerOf(value)
  const count = Math.min(from.u32(), MOST_PROPERTIES)
  for (let n = 0; n < count; n++) yield property(from, codePage)
}

function property(from: Reader, codePage: number): Property {
  const type = from.u16()
  const id = from.u16()
  if (id >= 0x8000) skipName(from)
  const plain = type & ~MANY
  const size = FIXED[plain]
  const isSized = size === undefined
  if (isSized && ![OBJECT, STRING8, UNICODE, BINARY].includes(plain)) throw new Short()
  const count = isSized || (type & MANY) !== 0 ? from.u32() : 1
  if (count > from.left()) throw new Short()
  const values = Array.from({ length: count }, () => {
    const whole = size === undefined ? from.padded(from.u32()) : from.bytes(size)
    // @NOTE an object begins with the id of its kind.
    const bytes = plain === OBJECT ? whole.subarray(16) : whole
    const text = plain === UNICODE ? utf16(bytes) : plain === STRING8 ? stringOf(bytes, codePage) : ''
    return { text, bytes }
  })
  return { id, values }
}

/** A property of somebody's own has a name, by number or in words. */
function skipName(from: Reader): void {
  from.bytes(16)
  if (from.u32() === 0) from.bytes(4)
  else from.padded(from.u32())
}

type Reader = ReturnType<typeof readerOf>

/** Little-endian, from the beginning on. Throws Short beyond the end. */
function readerOf(data: Uint8Array) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let at = 0

  function step(length: number): number {
    if (length > data.length - at) throw new Short()
    at += length
    return at - length
  }

  return {
    left: () => data.length - at,
    u16: (): number => view.getUint16(step(2), true),
    u32: (): number => view.getUint32(step(4), true),
    bytes(length: number): Uint8Array {
      const from = step(length)
      return data.subarray(from, from + length)
    },
    /** What fills up to four bytes behind it may be missing at the very end. */
    padded(length: number): Uint8Array {
      const value = this.bytes(length)
      step(Math.min((4 - (length % 4)) % 4, data.length - at))
      return value
    },
  }
}

function utf16(bytes: Uint8Array): string {
  return upToNul(new TextDecoder('utf-16le').decode(bytes))
}

/** In the charset of the code page, as far as one is named and known. */
export function stringOf(bytes: Uint8Array, codePage: number): string {
  return upToNul(textOfBytes(bytes, charsetOf(codePage)))
}

function charsetOf(codePage: number): string {
  const named = NAMED[codePage]
  if (named !== undefined) return named
  if (codePage >= 28591 && codePage <= 28606) return `iso-8859-${codePage - 28590}`
  return codePage > 0 && codePage < 20_000 ? `cp${codePage}` : ''
}

const upToNul = (text: string): string => text.split('\0', 1)[0]!
