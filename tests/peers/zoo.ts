import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'

/** A server that speaks HTTP as badly as a test wants, byte by byte. */
export type Zoo = AsyncDisposable & {
  port: number
  /** Paths that were asked for, in order. */
  seen: string[]
  /** What happens at a path. */
  keep: (path: string, animal: Animal) => void
}

/** Is given the connection once a request has come; writes whatever it likes. */
export type Animal = (socket: Socket) => void

export async function startZoo(): Promise<Zoo> {
  const animals = new Map<string, Animal>()
  const seen: string[] = []
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
    socket.once('data', (data) => {
      const path = String(data).split(' ')[1] ?? ''
      seen.push(path)
      const animal = animals.get(path) ?? says('404 Not Found')
      animal(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    keep: (path, animal) => void animals.set(path, animal),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

/** A whole answer, and the end of the connection. */
export const says =
  (status: string, headers: Record<string, string> = {}, body: string | Buffer = ''): Animal =>
  (socket) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`)
    socket.end(body)
  }

/** Exactly these bytes. */
export const writes =
  (bytes: string): Animal =>
  (socket) =>
    void socket.end(bytes, 'latin1')

/** `head`, then `piece` again and again as fast as it is taken, or every so many milliseconds. */
export const never =
  (head: string, piece: string | Buffer, everyMs?: number): Animal =>
  (socket) => {
    socket.write(head, 'latin1')
    if (everyMs !== undefined) {
      const timer = setInterval(() => socket.write(piece), everyMs)
      return void socket.on('close', () => clearInterval(timer))
    }
    const pour = (): void => {
      if (socket.destroyed) return
      if (socket.write(piece)) setImmediate(pour)
      else socket.once('drain', pour)
    }
    pour()
  }

const MIB = 1024 * 1024

/** 64 MiB of nothing in a few KiB, by the name of the encoding. */
export const BOMBS: Record<string, Buffer> = {
  gzip: gzipSync(Buffer.alloc(64 * MIB)),
  deflate: deflateSync(Buffer.alloc(64 * MIB)),
  br: brotliCompressSync(Buffer.alloc(64 * MIB)),
  zstd: zstdCompressSync(Buffer.alloc(64 * MIB)),
}

/** How a packed answer begins, and a piece of which endlessly many unpack to nothing, by the name of the encoding. */
export const HOLLOW: Record<string, { head: string; piece: Buffer }> = {
  gzip: { head: '', piece: repeated(gzipSync('')) },
  // Metadata blocks (RFC 7932, 9.2): an empty one after the window size, then ones of 64 KiB.
  br: { head: '\x0c', piece: Buffer.concat([Buffer.from([0xe6, 0xff, 0x3f]), Buffer.alloc(65_536)]) },
}

function repeated(piece: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: 2_000 }, () => piece))
}
