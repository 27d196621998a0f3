import { requirePassword } from './sign-in.ts'
import { endpoint } from './endpoint.ts'
import { answerArchive } from './file-answer.ts'

export const accountExportEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/account/export',
    tag: 'Account',
    role: 'user',
    scopes: ['read'],
    summary: 'All that is yours, as a zip',
    description:
      'Made while it is read, of one instant: a file of NDJSON for each table, attachments, your files, and last `manifest.json` with the version of the schema and for each entry its size, SHA-256 and number of rows. No secrets: no hashes, sealed values or sessions, and known secrets are masked in texts; your files are as they are. An administrator’s has the settings and lists of the house too. On the page it needs the password of the last five minutes; a key with `read` could read all of it anyway. Each export is on the audit log.',
    media: 'application/zip',
    errors: ['password_required', 'conflict'],
    handle: (_input, { services, who, req, res }) => {
      requirePassword(who)
      const entries = services.dataExport.entriesOf(who.user)
      if (req.method === 'GET')
        services.audit.record({ kind: 'account', action: 'exported', subject: who.user.username, by: who.actor })
      const day = services.now().toISOString().slice(0, 10)
      return answerArchive(req, res, { name: `steward-${who.user.username}-${day}`, entries, who }) // prettier-ignore
    },
  }),
]
