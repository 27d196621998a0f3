import { existsSync } from 'node:fs'
import { z } from 'zod'
import { operation, type Operation, type ToolContext } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import type { FileChanges } from '../files/change.ts'
import { withFileFaults } from '../files/faults.ts'
import { canonicalPath, canonicalPathNow, pathFact } from '../files/open.ts'
import type { Mail } from '../mail/mail.ts'
import { joinLabels, type Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { grouped, quoted, shownPath } from './wording.ts'

type Args = { id: string; name: string; path: string }
type Deps = { mail: () => Pick<Mail, 'read'>; changes: Pick<FileChanges, 'write' | 'wasWritten'> }

const STRANGERS: Labels = { integrity: 'third_party', privacy: 'private' }

/** Puts what came with a mail into a file. It stays what others wrote, wherever it goes. */
export function saveAttachment({ mail, changes }: Deps): Operation<Args> {
  async function contentOf({ id, name }: Args, { userId, signal }: Pick<ToolContext, 'userId' | 'signal'>) {
    const { attachments } = (await mail().read(userId, id, signal)).message
    const found = attachments.find((one) => one.name === name)
    const names = attachments.map((one) => quoted(one.name, 100)).join(', ')
    if (!found)
      throw new AppError('not_found', names === '' ? 'This mail has no attachments.' : `There are only: ${names}.`)
    if (found.data) return found.data
    throw new AppError('too_large', `This attachment cannot be saved. ${found.reason ?? ''}`.trim())
  }

  return operation<Args>({
    description: 'Save an attachment of a mail, by its name, as a file; whole path',
    input: lazy(() =>
      z.strictObject({ id: z.string().min(1).max(2000), name: z.string().max(1000), path: z.string().max(4096) }),
    ),
    effect: 'write',
    destructive: false,
    attendedOnly: false,
    yields: STRANGERS,
    recovery: 'verify',
    verify: async (args, context) => {
      const content = await contentOf(args, context).catch(() => undefined)
      return content === undefined
        ? 'unknown'
        : changes.wasWritten(await canonicalPath(args.path), content, context.callId)
    },
    inspect: async ({ path }) => ({ paths: [await pathFact(path)] }),
    describe: ({ name, path }) => {
      const place = canonicalPathNow(path)
      const fate = existsSync(place)
        ? 'replaces the present file; the old version stays in the trash for 30 days'
        : 'a new file'
      return `Save the attachment ${quoted(name, 100)} of a mail to ${shownPath(place)} (${fate}).`
    },
    run: (args, context, { paths = [] }) =>
      withFileFaults(async () => {
        const { path } = paths[0]!
        const content = await contentOf(args, context)
        const { replaced } = await changes.write(path, content, {
          ...context,
          labels: joinLabels(context.labels, STRANGERS),
        })
        const kept = replaced ? ' The old version stays in the trash for 30 days.' : ''
        return { content: `Saved ${grouped(content.length)} bytes to ${shownPath(path)}.${kept}` }
      }),
  })
}
