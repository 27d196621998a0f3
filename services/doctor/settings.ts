import type { Check, Finding, Records } from './finding.ts'

const DAY_S = 24 * 3600
const LONG_CHAT_S = DAY_S
const LONG_UNATTENDED_S = 7 * DAY_S
const MANY_RUNS = 120
const MANY_CALLS = 200

/** Settings that take down what protects the house. */
export const guards: Check<Records> = ({ settings }) => {
  const found: Finding[] = []
  if (!settings.flow_guard) {
    found.push({
      id: 'flow-guard',
      severity: 'critical',
      title: 'The flow guard is off: what strangers wrote can make Steward send and change things unasked.',
      detail: 'The rules that look at what a run has read do not hold.',
      fix: 'Turn it on under Settings, Security.',
    })
  }
  if (settings.shell_without_sandbox) {
    found.push({
      id: 'shell-without-sandbox',
      severity: 'warning',
      title: 'Commands may run without a sandbox, with all that Steward itself may reach.',
      detail: 'Each is asked about first, but a yes covers whatever the command does.',
      fix: 'Install bubblewrap and turn it off under Settings, Commands.',
    })
  }
  if (!settings.output_validation) {
    found.push({
      id: 'output-validation',
      severity: 'warning',
      title: 'What is sent and written is not checked for your secrets.',
      detail: 'output_validation is off.',
      fix: 'Turn it on under Settings, Security.',
    })
  }
  return found
}

/** Questions that stay open so long that a yes says little about what is done by then. */
export const timeouts: Check<Records> = ({ settings }) => {
  const chat = settings.approval_timeout_chat_s
  const unattended = settings.approval_timeout_unattended_s
  if (chat <= LONG_CHAT_S && unattended <= LONG_UNATTENDED_S) return []
  return [
    {
      id: 'approval-timeouts',
      severity: 'warning',
      title: 'Questions stay open for very long.',
      detail: `In a conversation ${inHours(chat)}, without you ${inHours(unattended)}.`,
      fix: 'Shorten them under Settings, Security: 15 minutes and a day are usual.',
    },
  ]
}

/** How much can happen before anybody looks. */
export const amounts: Check<Records> = ({ settings }) => {
  const found: Finding[] = []
  if (settings.daily_budget_usd === null && settings.monthly_budget_usd === null) {
    found.push({
      id: 'budgets',
      severity: 'info',
      title: 'There is no limit to what Steward may spend.',
      detail: 'Neither a daily nor a monthly budget is set.',
      fix: 'Set one under Settings, Limits.',
    })
  }
  if (settings.max_autonomous_runs_per_hour > MANY_RUNS || settings.max_tool_calls > MANY_CALLS) {
    found.push({
      id: 'limits',
      severity: 'warning',
      title: 'Very much may happen without you.',
      detail: `${settings.max_autonomous_runs_per_hour} runs an hour that start by themselves, ${settings.max_tool_calls} tool calls in each.`,
      fix: 'Lower them under Settings, Limits.',
    })
  }
  return found
}

const inHours = (seconds: number): string =>
  seconds < 3600 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3600)} hours`
