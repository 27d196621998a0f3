import { request } from 'node:http'
import type { Answer, Client } from '../steward.ts'

/** Uploads as browsers and scripts send them: at once, or bit by bit. */

const BOUNDARY = 'steward-test-boundary'
const head = (name: string): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n`
const TYPE = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }

/** A body with these files, for `Client.post`. */
export function multipart(files: Record<string, string | Buffer>): { raw: Buffer; headers: Record<string, string> } {
  const parts = Object.entries(files).flatMap(([name, content]) => [head(name), content, '\r\n'])
  return {
    raw: Buffer.concat([...parts, `--${BOUNDARY}--\r\n`].map((part) => Buffer.from(part as string))),
    headers: TYPE,
  }
}

/** Uploads these files into a folder. */
export function upload(by: Client, path: string, files: Record<string, string | Buffer>): Promise<Answer> {
  return by.post(`/api/my/files?path=${encodeURIComponent(path)}`, undefined, multipart(files))
}

export type OpenUpload = {
  write: (content: Buffer) => void
  end: () => void
  destroy: () => void
  answer: Promise<Answer>
}

/** Begins an upload of one file of unknown length. Resolves once its beginning is on its way. */
export function openUpload(url: string, by: Client, path: string, name: string): Promise<OpenUpload> {
  const call = request(`${url}/api/my/files?path=${encodeURIComponent(path)}`, {
    method: 'POST',
    headers: { ...TYPE, ...by.headers() },
  })
  const answer = new Promise<Answer>((resolve, reject) => {
    call.on('error', reject)
    call.on('response', (response) => {
      let text = ''
      response.on('data', (chunk) => (text += String(chunk)))
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          text,
          body: JSON.parse(text),
          headers: new Headers(response.headers as Record<string, string>),
        }),
      )
    })
  })
  answer.catch(() => {})
  const open: OpenUpload = {
    write: (content) => void call.write(content),
    end: () => void call.end(`\r\n--${BOUNDARY}--\r\n`),
    destroy: () => void call.destroy(),
    answer,
  }
  return new Promise((resolve) => call.write(head(name), () => resolve(open)))
}
