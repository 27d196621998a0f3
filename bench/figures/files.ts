import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { request, type RequestOptions } from 'node:http'
import { join } from 'node:path'
import { rss, scratch, startHouse, startPipe } from '../processes.ts'
import { compared, limited, printTable, show, type Row } from '../table.ts'

const MIB = 1024 * 1024
const SIZE_MIB = 1024
const GATE_MIB = 64
const BOUNDARY = 'bench'
const SAMPLE_MS = 50

type Measured = { mibPerSecond: number; grownMib: number }

/** 1 GiB in and out: what it costs in memory, and how fast it is beside a bare handler that pipes. */
export async function files(): Promise<Row[]> {
  const folder = scratch()
  await using steward = await startHouse('http://127.0.0.1:9', join(folder, 'data'))
  await using control = await startPipe(join(folder, 'piped'))
  const headers = steward.owner.headers()
  const house = (path: string): RequestOptions & { url: string } => ({ url: steward.url + path, headers })
  const ours = steward.process.pid!
  const upload = { ...house('/api/my/files?path=/large'), headers: { ...headers, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` } } // prettier-ignore

  await put(house('/api/my/files?path=/small'), 1, true, upload.headers)
  await get(house('/api/my/files/download-zip?path=/small'))

  const results: Record<string, { steward: Measured; control: Measured }> = {
    upload: {
      steward: await measured(ours, () => put(upload, SIZE_MIB, true)),
      control: await measured(control.pid, () => put({ url: control.url }, SIZE_MIB, false)),
    },
    download: {
      steward: await measured(ours, () => get(house('/api/my/files/download?path=/large/file'))),
      control: await measured(control.pid, () => get({ url: control.url })),
    },
    zip: {
      steward: await measured(ours, () => get(house('/api/my/files/download-zip?path=/large'))),
      control: await measured(control.pid, () => get({ url: `${control.url}/deflated` })),
    },
  }
  rmSync(folder, { recursive: true, force: true })
  printTable(
    ['1 GiB', 'MiB/s', 'control', 'grown by MiB', 'control'],
    Object.entries(results).map(([name, { steward: one, control: other }]) => [
      name,
      ...[one.mibPerSecond, other.mibPerSecond, one.grownMib, other.grownMib].map(show),
    ]),
  )
  return Object.entries(results).flatMap(([name, { steward: one, control: other }]) => [
    limited({ figure: `${name} of 1 GiB: memory grown by`, value: one.grownMib, control: other.grownMib, unit: 'MiB' }, GATE_MIB), // prettier-ignore
    compared({ figure: `${name} of 1 GiB`, value: one.mibPerSecond, control: other.mibPerSecond, unit: 'MiB/s' }),
  ])
}

/** Does it once, looking all along at how much memory the process holds beyond what it held before. */
async function measured(pid: number, work: () => Promise<void>): Promise<Measured> {
  const before = rss(pid)
  let most = before
  const timer = setInterval(() => (most = Math.max(most, rss(pid))), SAMPLE_MS)
  const started = performance.now()
  await work()
  const seconds = (performance.now() - started) / 1000
  clearInterval(timer)
  return { mibPerSecond: SIZE_MIB / seconds, grownMib: Math.max(most, rss(pid)) - before }
}

type Target = RequestOptions & { url: string }

function put({ url, ...options }: Target, mib: number, multipart: boolean, headers = options.headers): Promise<void> {
  const piece = randomBytes(MIB)
  return new Promise((resolve, reject) => {
    const call = request(url, { ...options, ...(headers ? { headers } : {}), method: 'POST' }, (response) => {
      response.resume().on('end', () => resolve())
      if (response.statusCode !== 201) reject(new Error(`An upload was answered with ${response.statusCode}.`))
    })
    call.on('error', reject)
    if (multipart) call.write(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n`)
    let left = mib
    const goOn = (): void => {
      while (left-- > 0) if (!call.write(piece)) return void call.once('drain', goOn)
      call.end(multipart ? `\r\n--${BOUNDARY}--\r\n` : undefined)
    }
    goOn()
  })
}

function get({ url, ...options }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, options, (response) => {
      if (response.statusCode !== 200) reject(new Error(`A download was answered with ${response.statusCode}.`))
      response.on('error', reject).on('end', resolve).resume()
    })
    call.on('error', reject).end()
  })
}
