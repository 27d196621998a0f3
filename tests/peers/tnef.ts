/** Mails as Outlook wraps them (MS-OXTNEF), with checksums, names in words and fill bytes as Debian's `tnef` asks for them. */

export type WrappedFile = { short: string; long?: string; mediaType?: string; data: Buffer; mail?: Buffer }

type Property = { type: number; id: number; value: Buffer; named?: string }

const u16 = (n: number): Buffer => Buffer.from(Uint16Array.of(n).buffer)
const u32 = (n: number): Buffer => Buffer.from(Uint32Array.of(n).buffer)
const filled = (value: Buffer): Buffer => Buffer.concat([value, Buffer.alloc((4 - (value.length % 4)) % 4)])
const ofLength = (value: Buffer): Buffer => Buffer.concat([u32(1), u32(value.length), filled(value)])

const [LONG, STRING8, UNICODE, BINARY, OBJECT] = [0x0003, 0x001e, 0x001f, 0x0102, 0x000d]
/** IID_IMessage, by which an object says that it is a mail. */
const A_MAIL = Buffer.from('0703020000000000c000000000000046', 'hex')

function attribute(level: 1 | 2, id: number, value: Buffer): Buffer {
  const sum = value.reduce((total, byte) => (total + byte) & 0xffff, 0)
  return Buffer.concat([Buffer.of(level), u32(id), u32(value.length), value, u16(sum)])
}

function properties(all: Property[]): Buffer {
  const each = all.map(({ type, id, value, named }) => {
    const words = named === undefined ? undefined : Buffer.from(`${named}\0`, 'utf16le')
    const name = words ? Buffer.concat([Buffer.alloc(16, 7), u32(1), u32(words.length), filled(words)]) : Buffer.of()
    return Buffer.concat([u16(type), u16(id), name, type === LONG ? value : ofLength(value)])
  })
  return Buffer.concat([u32(all.length), ...each])
}

export const text8 = (id: number, text: string, encoding: BufferEncoding = 'latin1'): Property => ({
  type: STRING8,
  id,
  value: Buffer.from(`${text}\0`, encoding),
})
export const text16 = (id: number, text: string): Property => ({
  type: UNICODE,
  id,
  value: Buffer.from(`${text}\0`, 'utf16le'),
})
export const binary = (id: number, value: Buffer): Property => ({ type: BINARY, id, value })
export const number = (id: number, value: number): Property => ({ type: LONG, id, value: u32(value) })

/** A winmail.dat with these properties of the mail and these files. */
export function winmail(mail: Property[], files: WrappedFile[], { codePage = 1252 } = {}): Buffer {
  const named: Property = { type: BINARY, id: 0x8001, value: Buffer.from('its own'), named: 'Something of ours' }
  return Buffer.concat([
    u32(0x223e9f78),
    u16(1),
    attribute(1, 0x00089006, u32(0x00010000)),
    attribute(1, 0x00069007, Buffer.concat([u32(codePage), u32(0)])),
    attribute(1, 0x00069003, properties([named, ...mail])),
    ...files.flatMap(wrapped),
  ])
}

function wrapped({ short, long, mediaType, data, mail }: WrappedFile): Buffer[] {
  const more = [
    number(0x370b, 0xffffffff),
    ...(long === undefined ? [] : [text16(0x3707, long)]),
    ...(mediaType === undefined ? [] : [text8(0x370e, mediaType)]),
    ...(mail === undefined
      ? []
      : [number(0x3705, 5), { type: OBJECT, id: 0x3701, value: Buffer.concat([A_MAIL, mail]) }]),
  ]
  return [
    attribute(2, 0x00069002, Buffer.alloc(14)),
    attribute(2, 0x00018010, Buffer.from(`${short}\0`, 'latin1')),
    ...(mail === undefined ? [attribute(2, 0x0006800f, data)] : []),
    attribute(2, 0x00069005, properties(more)),
  ]
}
