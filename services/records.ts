import { createConversations } from './conversations.ts'
import type { Deps } from './deps.ts'
import { createApprovals } from './policy/approvals.ts'
import type { Masking } from './policy/masking.ts'
import { createJournal } from './runs/journal.ts'
import { createRunStore } from './runs/store.ts'

/** What runs leave behind; no known secret gets into it. */
export function createRecords(masked: Deps & Pick<Masking, 'mask' | 'maskValue'>) {
  return {
    conversations: createConversations(masked),
    runStore: createRunStore(masked),
    journal: createJournal(masked),
    approvals: createApprovals(masked),
  }
}
