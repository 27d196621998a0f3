import type { ATTACHMENT_TYPES } from '../../../services/shapes/frames.ts'
import { fileSize } from '../format.ts'
import { newId } from '../ids.ts'
import type { Attachment } from './types.ts'

type MediaType = (typeof ATTACHMENT_TYPES)[number]

const KINDS: readonly MediaType[] = [
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'application/pdf',
  'text/plain',
]
const TEXT_NAMES =
  /\.(txt|md|markdown|csv|tsv|json|jsonl|ya?ml|toml|ini|conf|log|xml|html?|css|[cm]?[jt]sx?|py|rb|go|rs|java|kt|c|h|cpp|sh|sql|ics|eml|vcf)$/i
const MOST_BYTES = 20 * 1024 * 1024
const MOST_FILES = 20

/** What the file dialog offers. */
export const ACCEPT = [...KINDS, '.md', '.csv', '.json', '.log', '.yaml', '.yml'].join(',')

/** Reads files for a message. Each that cannot go gets a sentence that says why; the others come back. */
export async function readFiles(files: File[], already: Attachment[]) {
  const taken: Attachment[] = []
  const problems: string[] = []
  for (const file of files) {
    const problem = objection(file, [...already, ...taken])
    if (problem) problems.push(problem)
    else taken.push(await read(file))
  }
  return { taken, problems }
}

function objection(file: File, others: Attachment[]): string | null {
  const together = others.reduce((sum, { size }) => sum + size, file.size)
  if (!kindOf(file)) return `${file.name} cannot be attached: PNG, JPEG, GIF, WebP, PDF and plain text can.`
  if (file.size === 0) return `${file.name} is empty.`
  if (others.length >= MOST_FILES) return `${file.name} was left out: a message takes ${MOST_FILES} files.`
  if (together <= MOST_BYTES) return null
  return `${file.name} (${fileSize(file.size)}) was left out: all files of a message together may have 20 MiB.`
}

function kindOf(file: File): MediaType | null {
  const exact = KINDS.find((kind) => kind === file.type)
  if (exact) return exact
  return file.type.startsWith('text/') || TEXT_NAMES.test(file.name) ? 'text/plain' : null
}

async function read(file: File): Promise<Attachment> {
  const media_type = kindOf(file) ?? 'text/plain'
  return {
    key: newId(),
    name: file.name || 'pasted',
    media_type,
    size: file.size,
    data: await base64(file),
    ...(media_type.startsWith('image/') ? { preview: URL.createObjectURL(file) } : {}),
  }
}

function base64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).split(',', 2)[1] ?? '')
    reader.onerror = () => reject(new Error(`${file.name} could not be read.`))
    reader.readAsDataURL(file)
  })
}
