import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import express, { type Express, type RequestHandler } from 'express'
import helmet from 'helmet'
import type { Config } from '../services/config.ts'
import { AppError } from '../services/errors.ts'
import type { Services } from '../services/index.ts'
import type { Log } from '../services/log.ts'
import { accountEndpoints } from './account.ts'
import { agentEndpoints } from './agents.ts'
import { attendance } from './attendance.ts'
import { agentWorkEndpoints } from './agent-work.ts'
import { passkeyEndpoints } from './passkeys.ts'
import { passwordResetEndpoints } from './password-resets.ts'
import { runEndpoints } from './runs.ts'
import { toolEndpoints } from './tools.ts'
import { apiKeyEndpoints } from './api-keys.ts'
import { approvalLinkEndpoints } from './approval-links.ts'
import { approvalEndpoints } from './approvals.ts'
import { auditEndpoints } from './audit.ts'
import { originCheck, sessionHandler, type SessionHandler } from './auth.ts'
import { browserEndpoints } from './browser.ts'
import { browserTrustedEndpoints } from './browser-trusted.ts'
import { accountExportEndpoints } from './account-export.ts'
import { backupEndpoints } from './backups.ts'
import { controlEndpoints } from './control.ts'
import { conversationEndpoints } from './conversations.ts'
import { credentialEndpoints } from './credentials.ts'
import { davAccountEndpoints } from './dav-accounts.ts'
import { doctorEndpoints } from './doctor.ts'
import { emailWhitelistEndpoints } from './email-whitelist.ts'
import { emailAccountEndpoints } from './email-accounts.ts'
import { emailMessageEndpoints } from './email-messages.ts'
import { emailTriggerEndpoints } from './email-triggers.ts'
import { mailSettingEndpoints } from './mail-settings.ts'
import { mount, type Endpoint } from './endpoint.ts'
import { errorHandler } from './errors.ts'
import { grantEndpoints } from './grants.ts'
import { mcpEndpoints } from './mcp.ts'
import { mcpServerEndpoints } from './mcp-servers.ts'
import { mcpToolEndpoints } from './mcp-tools.ts'
import { healthEndpoints } from './health.ts'
import { housekeepingEndpoints } from './housekeeping.ts'
import { hostCheck } from './hosts.ts'
import { memoryEndpoints } from './memory.ts'
import { memoryCareEndpoints } from './memory-care.ts'
import { metricsEndpoints } from './metrics.ts'
import { wrongMethod } from './methods.ts'
import { modelEndpoints } from './models.ts'
import { myFileEndpoints } from './my-files.ts'
import { noticeEndpoints } from './notices.ts'
import { notificationEndpoints } from './notifications.ts'
import { scheduleEndpoints } from './schedules.ts'
import { securityEndpoints } from './security.ts'
import { sessionEndpoints } from './sessions.ts'
import { shellEndpoints } from './shell.ts'
import { settingEndpoints } from './settings.ts'
import { setupEndpoints } from './setup.ts'
import { taskEndpoints } from './tasks.ts'
import { telegramEndpoints } from './telegram.ts'
import { telegramTriggerEndpoints } from './telegram-triggers.ts'
import { ticketEndpoints } from './tickets.ts'
import { totpEndpoints } from './totp.ts'
import { trashEndpoints } from './trash.ts'
import { webhookTargetEndpoints } from './webhook-targets.ts'
import { usageEndpoints } from './usage.ts'
import { userEndpoints } from './users.ts'
import { whitelistEndpoints } from './whitelists.ts'

/** Every endpoint, in reading order. */
export const endpoints: readonly Endpoint[] = [
  ...healthEndpoints,
  ...metricsEndpoints,
  ...setupEndpoints,
  ...sessionEndpoints,
  ...accountEndpoints,
  ...totpEndpoints,
  ...passkeyEndpoints,
  ...passwordResetEndpoints,
  ...apiKeyEndpoints,
  ...userEndpoints,
  ...credentialEndpoints,
  ...whitelistEndpoints,
  ...emailWhitelistEndpoints,
  ...browserTrustedEndpoints,
  ...browserEndpoints,
  ...webhookTargetEndpoints,
  ...davAccountEndpoints,
  ...emailAccountEndpoints,
  ...emailMessageEndpoints,
  ...telegramEndpoints,
  ...telegramTriggerEndpoints,
  ...emailTriggerEndpoints,
  ...modelEndpoints,
  ...settingEndpoints,
  ...mailSettingEndpoints,
  ...securityEndpoints,
  ...shellEndpoints,
  ...ticketEndpoints,
  ...controlEndpoints,
  ...agentEndpoints,
  ...agentWorkEndpoints,
  ...taskEndpoints,
  ...scheduleEndpoints,
  ...runEndpoints,
  ...toolEndpoints,
  ...conversationEndpoints,
  ...memoryCareEndpoints,
  ...memoryEndpoints,
  ...approvalEndpoints,
  ...approvalLinkEndpoints,
  ...grantEndpoints,
  ...mcpEndpoints,
  ...mcpServerEndpoints,
  ...mcpToolEndpoints,
  ...notificationEndpoints,
  ...noticeEndpoints,
  ...usageEndpoints,
  ...myFileEndpoints,
  ...trashEndpoints,
  ...auditEndpoints,
  ...accountExportEndpoints,
  ...backupEndpoints,
  ...housekeepingEndpoints,
  ...doctorEndpoints,
]

/** Where a cookie says who is asking. */
const WITH_SESSION = ['/api', '/health/detailed', '/metrics', '/mcp']

export type AppDeps = {
  services: Services
  config: Config
  log: Log
  session: SessionHandler
  pageDir: string
  documentFile: string
}

/** The whole HTTP side: middleware in order, endpoints, the page, errors last. */
export function buildApp({ services, config, log, session, pageDir, documentFile }: AppDeps): Express {
  const app = express()
  app.disable('x-powered-by').disable('etag').set('trust proxy', config.trustProxy).set('query parser', 'simple')
  app.use(attendance({ tallies: services.tallies, log }), securityHeaders(config), hostCheck(config))
  app.use(WITH_SESSION, noStore, session, originCheck(config))
  mount(app, endpoints, services, config)
  app.get('/openapi.json', openApi(documentFile))
  app.use(wrongMethod(endpoints))
  app.use('/api', unknownPath)
  page(app, pageDir)
  app.use(unknownPath)
  app.use(errorHandler(log, (value) => services.credentials.maskValue(value)))
  return app
}

/** The session of the cookie, for HTTP and for the upgrade of a socket. */
export { sessionHandler }

function securityHeaders(config: Config): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: config.publicUrl?.protocol === 'https:' ? { maxAge: 31_536_000 } : false,
  })
}

const noStore: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store')
  next()
}

/** The document is written at build time; unbuilt, it is made on the first request. */
function openApi(file: string): RequestHandler {
  let document: Promise<string> | undefined
  const make = async () => JSON.stringify((await import('./openapi.ts')).openApiDocument(endpoints))
  return async (_req, res) => {
    document ??= existsSync(file) ? readFile(file, 'utf8') : make()
    res.type('json').send(await document)
  }
}

const unknownPath: RequestHandler = (req, _res, next) =>
  next(new AppError('not_found', `There is nothing at ${req.method} ${req.originalUrl.split('?')[0]}.`))

/** Built files by name; every other path that a browser opens is the page, which finds its own way. */
function page(app: Express, dir: string): void {
  app.use(
    '/assets',
    express.static(join(dir, 'assets'), { immutable: true, maxAge: '1y', index: false, redirect: false }),
    unknownPath,
  )
  app.get('/docs', (_req, res) => res.sendFile(join(dir, 'docs', 'docs.html'), { dotfiles: 'allow' }))
  app.use('/docs', express.static(join(dir, 'docs'), { index: false, redirect: false }), unknownPath)
  app.use(['/ws', '/hooks'], unknownPath)
  app.use(express.static(dir, { index: false, redirect: false }))
  app.get('/{*path}', (req, res, next) => {
    if (!req.accepts('html')) return next()
    res.set('Cache-Control', 'no-cache').sendFile(join(dir, 'index.html'), { dotfiles: 'allow' })
  })
}
