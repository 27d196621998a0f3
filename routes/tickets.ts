import { z } from 'zod'
import { Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

export const ticketEndpoints = [
  endpoint({
    method: 'post',
    path: '/api/ws-ticket',
    tag: 'Conversations',
    role: 'user',
    scopes: ['read'],
    status: 201,
    creates: { showsSecret: true },
    summary: 'A ticket that opens one socket',
    description:
      'For clients that cannot set headers on a WebSocket: /ws/{session_id}?ticket=…, once, within 60 seconds.',
    output: lazy(() => z.object({ ticket: z.string(), expires_at: Time() })),
    example: { ticket: 'once', expires_at: '2026-11-22T08:01:00.000Z' },
    handle: (_input, { services, who }) => services.tickets.issue(who),
  }),
]
