import {
  create,
  type DescMessage,
  type DescService,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Workspace } from "../integrations/access-directory.ts";
import { insertAuditEntry, type Store } from "../store/index.ts";
import { toMethodName } from "./access-rules.ts";
import { toAuditEntry } from "./audit.ts";
import { getCaller } from "./authenticate.ts";

/** What the audit log says of a method's calls. Nothing in it may be secret, or say more of a shopper than his keyed hash. */
export type Audited<I, O> = {
  /** The resource name, below the workspace. */
  readonly resource: (request: I, response: O, workspace: Workspace) => string;
  /** As it was; undefined when it was not there. Default: not said. */
  readonly before?: (request: I, workspace: Workspace) => Promise<JsonValue | undefined>;
  /** Whether anything was changed. Default: it was. */
  readonly isChange?: (response: O) => boolean;
  /** As it is, or what was done. Default: not said. */
  readonly after?: (response: O, request: I) => JsonValue | undefined;
};

/** Of the unary methods of a service, and of its imports, whose last answer counts. */
export type AuditTable<S extends DescService> = {
  readonly [K in keyof S["method"]]?: Audited<
    MessageShape<S["method"][K]["input"]>,
    MessageShape<S["method"][K]["output"]>
  >;
};

type Parts = { readonly store: Store; readonly now: () => Date };
type Untyped = Audited<unknown, unknown>;
type Call = (request: unknown, context: HandlerContext) => unknown;

/** Writes down what services do by some methods, once it is done; a process that dies in between leaves no entry. What users do to
 *  what is their own is no administrator's business. */
export function auditChanges<S extends DescService>(
  { store, now }: Parts,
  service: S,
  implementation: ServiceImpl<S>,
  table: AuditTable<S>,
): ServiceImpl<S> {
  const wrapped = { ...implementation } as Record<string, unknown>;
  for (const [name, audited] of Object.entries(table as Record<string, Untyped>)) {
    const method = service.method[name];
    if (method === undefined) throw new Error(`${service.typeName} has no method ${name}`);
    const act = wrapped[name] as Call;
    const enter = async (
      context: HandlerContext,
      said: { request: unknown; response: unknown; before?: JsonValue | undefined },
    ) => {
      const caller = getCaller(context.values);
      const { workspace } = caller;
      const { request, before } = said;
      // Handlers leave out what is zero.
      const response = create(method.output, said.response as MessageInitShape<DescMessage>);
      if (audited.isChange?.(response) === false) return;
      const resource = `workspaces/${workspace.id}/${audited.resource(request, response, workspace)}`;
      const change = { workspaceId: workspace.id, caller, method: toMethodName(context.method), resource, at: now() };
      const after = audited.after?.(response, request);
      await insertAuditEntry(store, toAuditEntry({ ...change, before, after }));
    };
    const isUnary = method.methodKind === "unary";
    wrapped[name] = isUnary ? auditUnary(act, audited, enter) : auditImport(act, enter);
  }
  return wrapped as ServiceImpl<S>;
}

type Enter = (
  context: HandlerContext,
  said: { readonly request: unknown; readonly response: unknown; readonly before?: JsonValue | undefined },
) => Promise<void>;

function auditUnary(act: Call, { before: read }: Untyped, enter: Enter): Call {
  return async (request, context) => {
    const { kind, workspace } = getCaller(context.values);
    if (kind !== "service") return act(request, context);
    const before = await read?.(request, workspace);
    const response = await act(request, context);
    await enter(context, { request, response, before });
    return response;
  };
}

/** A stream that ends early has done what its last answer says. */
function auditImport(act: Call, enter: Enter): Call {
  return async function* (request, context) {
    let response: unknown;
    try {
      for await (const one of act(request, context) as AsyncIterable<unknown>) {
        response = one;
        yield one;
      }
    } finally {
      if (response !== undefined) await enter(context, { request, response });
    }
  };
}
