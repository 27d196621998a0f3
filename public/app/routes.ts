import type { ComponentType } from 'preact'

export type PageProps = { params: Record<string, string>; query: URLSearchParams }

type PageComponent = ComponentType<PageProps>

/** A page of the site: where it lives, what the window is called, and the code that draws it, loaded when visited. */
export type Route = { path: string; title: string; bare?: true; full?: true; load: () => Promise<PageComponent> }

/** Every page, in reading order. `bare` pages stand without navigation; `full` ones fill the window themselves. */
export const routes: Route[] = [
  { path: '/', title: 'Home', load: () => import('./views/home.tsx').then((it) => it.HomePage) },
  { path: '/chat/:id', title: 'Chat', full: true, load: () => import('./views/chat.tsx').then((it) => it.ChatPage) },
  { path: '/chats', title: 'Chats', load: () => import('./views/chats.tsx').then((it) => it.ChatsPage) },
  { path: '/agents', title: 'Agents', load: () => import('./views/agents.tsx').then((it) => it.AgentsPage) },
  {
    path: '/agents/new',
    title: 'New agent',
    load: () => import('./views/agent-edit.tsx').then((it) => it.NewAgentPage),
  },
  { path: '/agents/:id', title: 'Agent', load: () => import('./views/agent.tsx').then((it) => it.AgentPage) },
  {
    path: '/agents/:id/edit',
    title: 'Edit agent',
    load: () => import('./views/agent-edit.tsx').then((it) => it.EditAgentPage),
  },
  { path: '/tasks', title: 'Tasks', load: () => import('./views/tasks.tsx').then((it) => it.TasksPage) },
  { path: '/tasks/new', title: 'New task', load: () => import('./views/task-edit.tsx').then((it) => it.NewTaskPage) },
  { path: '/tasks/:id', title: 'Task', load: () => import('./views/task.tsx').then((it) => it.TaskPage) },
  {
    path: '/tasks/:id/edit',
    title: 'Edit task',
    load: () => import('./views/task-edit.tsx').then((it) => it.EditTaskPage),
  },
  { path: '/runs', title: 'Activity', load: () => import('./views/runs.tsx').then((it) => it.RunsPage) },
  { path: '/runs/:id', title: 'Run', load: () => import('./views/run.tsx').then((it) => it.RunPage) },
  {
    path: '/notifications',
    title: 'Notifications',
    load: () => import('./views/notifications.tsx').then((it) => it.NotificationsPage),
  },
  { path: '/models', title: 'Models', load: () => import('./views/models.tsx').then((it) => it.ModelsPage) },
  { path: '/usage', title: 'Usage', load: () => import('./views/usage.tsx').then((it) => it.UsagePage) },
  {
    path: '/approvals',
    title: 'Approvals',
    load: () => import('./views/approvals.tsx').then((it) => it.ApprovalsPage),
  },
  {
    path: '/approvals/link/:token',
    title: 'A question for you',
    load: () => import('./views/approval-link.tsx').then((it) => it.ApprovalLinkPage),
  },
  { path: '/files', title: 'Files', load: () => import('./views/files.tsx').then((it) => it.FilesPage) },
  { path: '/audit', title: 'Audit log', load: () => import('./views/audit.tsx').then((it) => it.AuditPage) },
  { path: '/settings', title: 'Settings', load: () => import('./views/settings.tsx').then((it) => it.SettingsPage) },
  {
    path: '/settings/credentials',
    title: 'Credentials',
    load: () => import('./views/credentials.tsx').then((it) => it.CredentialsPage),
  },
  {
    path: '/settings/whitelists',
    title: 'Whitelists',
    load: () => import('./views/whitelists.tsx').then((it) => it.WhitelistsPage),
  },
  { path: '/settings/grants', title: 'Grants', load: () => import('./views/grants.tsx').then((it) => it.GrantsPage) },
  {
    path: '/settings/api-keys',
    title: 'API keys',
    load: () => import('./views/api-keys.tsx').then((it) => it.ApiKeysPage),
  },
  { path: '/settings/limits', title: 'Limits', load: () => import('./views/limits.tsx').then((it) => it.LimitsPage) },
  {
    path: '/settings/security',
    title: 'Security',
    load: () => import('./views/security.tsx').then((it) => it.SecurityPage),
  },
  {
    path: '/settings/commands',
    title: 'Commands',
    load: () => import('./views/commands.tsx').then((it) => it.CommandsPage),
  },
  {
    path: '/settings/personality',
    title: 'Personality',
    load: () => import('./views/personality.tsx').then((it) => it.PersonalityPage),
  },
  {
    path: '/settings/mail/:id',
    title: 'Mail account',
    load: () => import('./views/email-account.tsx').then((it) => it.EmailAccountPage),
  },
  {
    path: '/settings/webhooks',
    title: 'Webhooks',
    load: () => import('./views/webhooks.tsx').then((it) => it.WebhooksPage),
  },
  {
    path: '/settings/mail',
    title: 'Mail',
    load: () => import('./views/email-accounts.tsx').then((it) => it.EmailAccountsPage),
  },
  {
    path: '/settings/browser',
    title: 'Browser',
    load: () => import('./views/browser.tsx').then((it) => it.BrowserPage),
  },
  {
    path: '/settings/telegram',
    title: 'Telegram',
    load: () => import('./views/telegram.tsx').then((it) => it.TelegramPage),
  },
  {
    path: '/settings/notices',
    title: 'Notices by mail',
    load: () => import('./views/mail-notices.tsx').then((it) => it.MailNoticesPage),
  },
  { path: '/settings/data', title: 'Data', load: () => import('./views/data.tsx').then((it) => it.DataPage) },
  { path: '/settings/doctor', title: 'Doctor', load: () => import('./views/doctor.tsx').then((it) => it.DoctorPage) },
  {
    path: '/settings/account',
    title: 'Account',
    load: () => import('./views/account.tsx').then((it) => it.AccountPage),
  },
  { path: '/admin/users', title: 'Users', load: () => import('./views/users.tsx').then((it) => it.UsersPage) },
  { path: '/login', title: 'Sign in', bare: true, load: () => import('./views/login.tsx').then((it) => it.LoginPage) },
  {
    path: '/forgot-password',
    title: 'Forgotten password',
    bare: true,
    load: () => import('./views/forgot-password.tsx').then((it) => it.ForgotPasswordPage),
  },
  {
    path: '/reset-password',
    title: 'New password',
    bare: true,
    load: () => import('./views/reset-password.tsx').then((it) => it.ResetPasswordPage),
  },
  { path: '/setup', title: 'Set up', bare: true, load: () => import('./views/setup.tsx').then((it) => it.SetupPage) },
]

const missing: Route = {
  path: '*',
  title: 'Not found',
  load: () => import('./views/not-found.tsx').then((it) => it.NotFoundPage),
}

/** The page for a path and what its variable parts hold. */
export function match(path: string): { route: Route; params: Record<string, string> } {
  const asked = path.split('/').filter(Boolean)
  for (const route of routes) {
    const params = fits(route.path.split('/').filter(Boolean), asked)
    if (params) return { route, params }
  }
  return { route: missing, params: {} }
}

function fits(pattern: string[], asked: string[]): Record<string, string> | null {
  if (pattern.length !== asked.length) return null
  const params: Record<string, string> = {}
  for (const [at, part] of pattern.entries()) {
    if (part.startsWith(':')) params[part.slice(1)] = asked[at] ?? ''
    else if (part !== asked[at]) return null
  }
  return params
}
