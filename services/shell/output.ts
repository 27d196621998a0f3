const KEPT_BYTES = 48 * 1024

/** What came of one stream: its beginning and its end, with how much stood between. */
export function createOutput() {
  let head = Buffer.alloc(0)
  let tail = Buffer.alloc(0)
  let total = 0

  return {
    add(chunk: Buffer): void {
      total += chunk.length
      const room = KEPT_BYTES - head.length
      if (room > 0) head = Buffer.concat([head, chunk.subarray(0, room)])
      if (chunk.length > room) tail = Buffer.concat([tail, chunk.subarray(Math.max(room, 0))]).subarray(-KEPT_BYTES)
    },
    bytes: (): number => total,
    text(): string {
      const left = total - head.length - tail.length
      const gap = left > 0 ? `\n[… ${left} bytes left out …]\n` : ''
      return `${head.toString()}${gap}${tail.toString()}`
    },
  }
}
