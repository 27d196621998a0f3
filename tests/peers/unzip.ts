import { fromBuffer, type Entry, type ZipFile } from 'yauzl'

export type Unzipped = { name: string; content: Buffer; mtime: Date }

/** What is in a zip, read from its central directory, each content against its size. */
export async function unzip(bytes: Buffer): Promise<Unzipped[]> {
  const zip = await new Promise<ZipFile>((resolve, reject) =>
    fromBuffer(bytes, { lazyEntries: true }, (error, file) => (file ? resolve(file) : reject(error!))),
  )
  const found: Unzipped[] = []
  return new Promise((resolve, reject) => {
    zip.on('error', reject).on('end', () => resolve(found))
    zip.on('entry', (entry: Entry) => {
      read(zip, entry).then((content) => {
        found.push({ name: entry.fileName, content, mtime: entry.getLastModDate() })
        zip.readEntry()
      }, reject)
    })
    zip.readEntry()
  })
}

async function read(zip: ZipFile, entry: Entry): Promise<Buffer> {
  if (entry.fileName.endsWith('/')) return Buffer.alloc(0)
  const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) =>
    zip.openReadStream(entry, (error, opened) => (opened ? resolve(opened) : reject(error!))),
  )
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
