import { create, toJson } from "@bufbuild/protobuf";
import { type Template, TemplateSchema } from "../../gen/intervention/v1/template_pb.js";
import type { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import {
  type InstalledTemplate,
  InstalledTemplate_Outcome,
  InstalledTemplateSchema,
} from "../../gen/intervention/v1/template_suite_pb.js";
import type { Workspace } from "../integrations/access-directory.ts";
import { findTemplate, type Store } from "../store/index.ts";
import type { AuditTable } from "./audit-changes.ts";
import { parseTemplateName } from "./template-name.ts";

/** Without a version it was only a look. */
const isInstalled = ({ outcome, version }: InstalledTemplate) =>
  version > 0 && (outcome === InstalledTemplate_Outcome.CREATED || outcome === InstalledTemplate_Outcome.PUBLISHED);

/** What a template says is in its versions; the log has who changed it, and which version was then in use. */
export function templateAudit(store: Store): AuditTable<typeof TemplateService> {
  type Answer = { readonly template?: Template | undefined };
  const toOutline = ({ draft: _, ...template }: Template) => toJson(TemplateSchema, create(TemplateSchema, template));
  const said = {
    resource: (_: unknown, { template }: Answer) => `templates/${template?.templateId ?? ""}`,
    after: ({ template }: Answer) => (template === undefined ? undefined : toOutline(template)),
  };
  const change = {
    ...said,
    async before({ name }: { readonly name: string }, workspace: Workspace) {
      const templateId = parseTemplateName(name, workspace.id);
      const found = await findTemplate(store, { workspaceId: workspace.id, templateId });
      return found === undefined ? undefined : toOutline(found);
    },
  };
  return {
    createTemplate: said,
    updateDraft: change,
    // Without a version it was only a look.
    publishTemplate: { ...change, isChange: ({ version }) => version !== undefined },
    rollbackTemplate: change,
    archiveTemplate: change,
    sendTest: {
      resource: ({ name }, _, workspace) => `templates/${parseTemplateName(name, workspace.id)}`,
      after: ({ intervention }) => ({ test: intervention }),
    },
    installSuite: {
      resource: ({ suite }) => `templates/${suite}`,
      isChange: ({ templates }) => templates.some(isInstalled),
      after: ({ templates }) => ({
        installed: templates.filter(isInstalled).map((one) => toJson(InstalledTemplateSchema, one)),
      }),
    },
    addCodes: {
      resource: ({ pool }) => `codePools/${pool}`,
      isChange: ({ added }) => added > 0,
      after: ({ added }) => ({ added }),
    },
  };
}
