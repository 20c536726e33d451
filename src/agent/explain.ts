/**
 * Explain: problems of the agent's rooms as one text for a person and a code for programs.
 *
 * The text says what went wrong, then where, then what to do about it. The types keep the table whole.
 */
import type { AuditUnwritable } from "../audit/index.ts";
import { Code } from "@connectrpc/connect";
import { ANSWER_TEXT_FORMS, showComplaint } from "../descriptor/index.ts";
import { migrateCommand } from "../image/index.ts";
import { escapeText } from "../model/index.ts";
import { unreachable } from "../result.ts";
import { type BindProblem, bindWords } from "./grants/bind.ts";
import { folderWords } from "./grants/folder-words.ts";
import type { BadAnswer } from "./grants/change-answers.ts";
import { type AskProblem, explainAsk } from "./asks/explain-ask.ts";
import type { ChangesProblem } from "./changes/changes.ts";
import type { CompartmentProblem } from "./compartments.ts";
import { explainDiskState } from "./disks/disk-state-words.ts";
import { cardWords } from "./cards/card-words.ts";
import { explainDisk } from "./disks/disk-words.ts";
import type { ImageExportProblem } from "./store/export.ts";
import { explainExchange } from "./store/explain-exchange.ts";
import type { ImageImportProblem } from "./store/import.ts";
import type { LaunchProblem } from "./launch/launch.ts";
import { displayWords, type ScreenProblem } from "./display/display-words.ts";
import { machineWords } from "./launch/machine-words.ts";
import { snapshotWords } from "./machines/snapshot-words.ts";
import type { CannotEnter } from "./launch/machine.ts";
import type { PendingProblem } from "./grants/pending.ts";
import type { PurgeProblem } from "./store/purge.ts";
import type { MigrateProblem } from "./store/migrate.ts";
import type { NotPublished } from "./network/published-port.ts";
import { explainNotPublished } from "./network/publish-words.ts";
import type { LinkProblem } from "./services/links.ts";
import { describeSign, type ReadyProblem } from "./services/readiness.ts";
import { explainLearn } from "./learn/explain-learn.ts";
import type { LearnRefused } from "./learn/learn-problem.ts";
import { explainWiring, type WiringProblem } from "./wiring/explain-wiring.ts";
import type { SessionProblem } from "./services/session-files.ts";

export type AgentProblem =
  | WiringProblem
  | ScreenProblem
  | LearnRefused
  | LaunchProblem
  | CannotEnter
  | LinkProblem
  | NotPublished
  | PendingProblem
  | ReadyProblem
  | ChangesProblem
  | SessionProblem
  | CompartmentProblem
  | MigrateProblem
  | PurgeProblem
  | ImageExportProblem
  | ImageImportProblem
  | { readonly kind: "no-image"; readonly name: string; readonly meant: string | undefined }
  | AuditUnwritable
  | BadAnswer
  | BindProblem
  | AskProblem
  | { readonly kind: "not-in-background"; readonly name: string }
  /** It was not ended, since it could not be started again. */
  | { readonly kind: "runs-on"; readonly name: string; readonly because: AgentProblem }
  | { readonly kind: "deployed-already"; readonly name: string; readonly file: string };

interface Explained {
  readonly code: Code;
  readonly text: string;
}

export function explain(problem: AgentProblem): Explained {
  const refused = (...lines: readonly string[]): Explained => ({
    code: Code.FailedPrecondition,
    text: lines.join("\n  "),
  });
  switch (problem.kind) {
    case "descriptor":
      return {
        code: Code.InvalidArgument,
        text: problem.complaints.map((complaint) => showComplaint(complaint)).join("\n"),
      };
    case "no-such":
      return {
        code: Code.NotFound,
        text: [
          `there is no ${problem.what} named "${escapeText(problem.name, 80)}"${meant(problem.meant)}`,
          `looked in ${problem.places.join(" and ")}`,
        ].join("\n  "),
      };
    case "no-such-question":
    case "not-written-down":
    case "answer-not-on-record":
    case "bad-lifetime":
      return explainAsk(problem);
    case "image-in-use":
      return refused(
        `${problem.instance} runs from the image of ${problem.recipe}; nothing was removed`,
        `skerry stop ${problem.instance} ends it`,
      );
    case "bad-card":
      return refused(...cardWords(problem));
    case "own-system":
    case "disks-astray":
    case "nothing-starts":
    case "bad-disk":
    case "bad-seed":
      return explainDisk(problem);
    case "disk-state":
      return explainDiskState(problem);
    case "no-lock":
      return refused(`${problem.recipe} has no lock`, `skerry build ${problem.recipe} makes one`);
    case "bad-target":
    case "layer-not-there":
    case "was-imported":
    case "bad-source":
    case "bad-layout":
    case "other-architecture":
    case "no-such-image":
    case "bad-name":
    case "name-taken":
      return explainExchange(problem);
    case "no-previous":
      return refused(
        `nothing was kept that ${problem.recipe} could go back to`,
        "an upgrade keeps what it replaces, until a purge removes it",
      );
    case "other-recipe":
      return refused(
        `the recipe ${problem.recipe} asks for something else than its lock was made for`,
        `skerry upgrade ${problem.recipe} makes a lock of what it asks for now`,
      );
    case "no-image":
      return {
        code: Code.NotFound,
        text: `there is no image of "${escapeText(problem.name, 80)}"${meant(problem.meant)}\n  skerry images lists them, skerry build makes one`,
      };
    case "bad-flag":
      return {
        code: Code.InvalidArgument,
        text: `${problem.flag} ${escapeText(problem.value, 200)}: expected ${problem.expected}`,
      };
    case "unmet-request":
      return refused(
        `${problem.deployment} needs "${problem.request}" (${escapeText(problem.why)}), and it is not granted`,
        `write under answers: in deployments/${problem.deployment}.yaml (skerry edit ${problem.deployment}):`,
        `  ${problem.line}`,
      );
    case "not-requested":
      return refused(
        `deployments/${problem.deployment}.yaml answers "${escapeText(problem.request, 80)}", which nobody requests${meant(problem.meant)}`,
        `take the line out, or add the request under requests: (skerry edit ${problem.deployment})`,
      );
    case "variable-not-set":
      return refused(
        `${problem.deployment}: ${problem.variable}, granted as "${problem.request}", is ${problem.because === "absent" ? "not set in your session" : "too long in your session"}`,
        `set it (export ${problem.variable}=…), or answer fake, empty or deny (skerry edit ${problem.deployment})`,
      );
    case "not-pending":
      return refused(
        `nothing waits for ${problem.name} that is named "${escapeText(problem.request, 80)}" and could be accepted`,
        problem.known.length === 0 ? "nothing waits at all" : `what waits: ${problem.known.join(", ")}`,
      );
    case "answer-first":
      return refused(
        `"${problem.request}" of ${problem.name} has no answer that could be meant for it`,
        `write under answers: in deployments/${problem.name}.yaml (skerry edit ${problem.name}):`,
        `  ${problem.line}`,
      );
    case "answer-not-served":
      return refused(
        `${problem.deployment}: "${problem.request}" cannot be answered "${problem.answer}": ${problem.because}`,
        `choose one of ${problem.instead.join(", ")}`,
      );
    case "option-missing":
      return refused(
        `${problem.deployment}: the answer to "${problem.request}" names no ${problem.option}`,
        `write: ${problem.line}`,
      );
    case "option-astray":
      return refused(
        `${problem.deployment}: "${problem.option}" means nothing with the answer "${problem.answer}" to "${problem.request}"`,
        "take it out, or choose another answer",
      );
    case "not-bindable":
      return refused(...bindWords(problem));
    case "bad-answer":
      return {
        code: Code.InvalidArgument,
        text: `${problem.name}: "${problem.request}" cannot be answered so: ${problem.because}\n  a ${problem.service} takes ${ANSWER_TEXT_FORMS[problem.service]}`,
      };
    case "rule-not-served":
      return refused(
        `${problem.deployment}: the rule "${escapeText(problem.rule)}" of "${problem.request}" cannot be kept: ${problem.because}`,
        `change it (skerry edit ${problem.deployment})`,
      );
    case "networks-mixed":
      return refused(
        `${problem.deployment}: "${problem.request}" and "${problem.first}" are granted different networks, and a compartment has one`,
        `answer one of them deny, or both with ${problem.answer}`,
      );
    case "display-not-there":
    case "displays-mixed":
    case "screen-fails":
    case "screen-unfit":
    case "no-screen":
    case "provides-no-display":
      return refused(...displayWords(problem));
    case "folder-not-there":
    case "folder-is-skerrys":
    case "folder-holds-link":
    case "folder-holds-copies":
    case "folder-holds-mount":
    case "folder-is-systems":
    case "too-many-files":
      return refused(...folderWords(problem));
    case "copy-of-another":
      return refused(
        `${problem.instance}: "${problem.request}" is now to be a copy of ${escapeText(problem.wanted)}, and changes of a copy of ${escapeText(problem.folder)} still wait there`,
        `apply or discard them first: skerry changes ${problem.instance} ${problem.request}`,
      );
    case "still-runs":
      return refused(
        `${problem.name} runs, and might write on; nothing was ${problem.act === "apply" ? "applied" : "discarded"}`,
        `end it first: skerry stop ${problem.name}`,
      );
    case "changes-busy":
      return refused(
        `changes of ${problem.name} are being worked on at this moment`,
        "wait until that has ended, and try again",
      );
    case "no-copy":
      return refused(
        `${escapeText(problem.name, 80)} has no copy named "${escapeText(problem.request, 80)}"`,
        problem.known.length === 0 ? "it has none at all" : `it has ${problem.known.join(", ")}`,
      );
    case "bad-path":
      return {
        code: Code.InvalidArgument,
        text: `${escapeText(problem.path, 200)}: expected a path below the folder, as skerry changes lists it: sub/file`,
      };
    case "too-many-changes":
      return refused(
        `the copy "${problem.request}" of ${problem.name} holds more than can be compared`,
        `throw it away (skerry changes ${problem.name} ${problem.request} --discard), or look into it by hand`,
      );
    case "overlapping-places":
      return refused(
        `${problem.deployment}: ${problem.one} and ${problem.other} lie in each other`,
        "give one of them another place (inside:)",
      );
    case "unknown-program":
      return refused(
        `recipe ${problem.recipe} has no program "${escapeText(problem.program, 80)}"`,
        `it has ${problem.known.join(", ")}`,
      );
    case "no-arguments":
      return refused(`program "${problem.program}" takes no arguments`);
    case "runs-already":
      return refused(
        `${problem.name} runs already, since ${problem.since}`,
        `use skerry exec ${problem.name} -- COMMAND, or deploy a second instance (skerry deploy RECIPE --as NAME)`,
      );
    case "not-running":
      return {
        code: Code.NotFound,
        text: `${escapeText(problem.name, 80)} does not run${meant(problem.meant)}\n  skerry ps lists what runs`,
      };
    case "not-in-background":
      return refused(
        `${problem.name} was not started in the background, and is not restarted from here`,
        `end it where it runs, or with skerry stop ${problem.name}, and start it again`,
      );
    case "runs-on": {
      const { code, text } = explain(problem.because);
      return { code, text: `${problem.name} was not restarted, and runs on: ${text}` };
    }
    case "is-frozen":
      return refused(`${problem.name} is frozen`, `let it go on first: skerry thaw ${problem.name}`);
    case "audit-unwritable":
      return refused(
        `nothing is started without a record of it, and ${problem.folder} cannot be written: ${problem.because}`,
        "make room there, or give the folder back to this user",
      );
    case "does-not-end":
      return refused(
        `${problem.name} was killed and has not ended`,
        "one of its processes waits for the kernel; skerry ps shows when it has gone",
      );
    case "link-cycle":
      return refused(
        `these wait for each other: ${problem.cycle.join(" → ")}`,
        `take one of the links out (skerry edit ${problem.cycle[0] ?? "NAME"})`,
      );
    case "link-fails":
      return refused(
        `${problem.name} needs ${problem.to}, which is not ready:`,
        ...explain(problem.because).text.split("\n"),
      );
    case "not-ready":
      return refused(
        `${problem.name} runs, and is not ready: waited ${problem.withinMs / 1000} s for ${escapeText(describeSign(problem.sign), 200)}`,
        `skerry logs ${problem.name} shows what it says; ready: in its deployment or recipe says what is waited for`,
      );
    case "ended-before-ready":
      return refused(
        `${problem.name} has ended${problem.exitCode === undefined ? "" : ` (exit code ${problem.exitCode})`} before it was ready`,
        `skerry logs ${problem.name} shows what it said`,
      );
    case "not-ours":
      return refused(
        `${problem.path} ${problem.whose === "edited" ? "was edited since Skerry wrote it" : "was not written by Skerry"}; it was left alone`,
        "take it away to have it written anew",
      );
    case "not-published":
      return explainNotPublished(problem);
    case "unreadable-wiring":
    case "no-such-target":
    case "too-many-claims":
      return explainWiring(problem);
    case "learn":
      return explainLearn(problem.because);
    case "deployed-already":
      return refused(`${problem.name} is deployed already: ${problem.file}`, "choose another name with --as");
    case "limit-unenforceable":
      return refused(
        `the limit on ${problem.limit} cannot be enforced here: ${problem.because}`,
        `take it out of the deployment, or start with --accept-weaker=${problem.limit}`,
      );
    case "backend-unavailable":
      return {
        code: Code.Unavailable,
        text: [`${problem.backend} cannot run here; missing:`, ...problem.missing].join("\n  "),
      };
    case "network-unavailable":
      return {
        code: Code.Unavailable,
        text: ["the network cannot be granted here; missing:", ...problem.missing].join("\n  "),
      };
    case "cannot-enforce":
      return refused(
        `${problem.backend} cannot enforce "${problem.contribution}"`,
        "take the grant out, or choose another isolation",
      );
    case "no-guest":
    case "vmm-lacks":
    case "machine-full":
    case "cannot-see-ready":
    case "cannot-enter":
    case "needs-machine":
    case "provides-no-network":
    case "ports-taken":
    case "same-tag":
      return refused(...machineWords(problem));
    case "no-machine":
    case "no-copies":
    case "machine-memory":
    case "no-snapshot":
    case "snapshot-failed":
    case "snapshot-no-room":
    case "cannot-suspend":
    case "not-suspended":
    case "is-suspended":
    case "suspend-failed":
      return refused(...snapshotWords(problem));
    case "helper-missing":
      return { code: Code.Unavailable, text: `${problem.path} has not been built\n  run ./skerry setup` };
    case "helper-stale":
      return {
        code: Code.Unavailable,
        text: `${problem.path} was built from other sources than lie here; nothing is started with it\n  ${problem.writable ? "run ./skerry setup" : "its folder is not yours: its owner must run ./skerry setup"}`,
      };
    case "places-shut":
      return refused(
        `started by root, apps run as users of their own, who cannot pass ${problem.folder}`,
        `let others pass it (chmod o+x ${problem.folder}), or keep Skerry's folders elsewhere`,
      );
    case "no-ids-left":
      return {
        code: Code.ResourceExhausted,
        text: `no subordinate id is left for one more instance of ${problem.user}\n  undeploy one with --with-data, or give the user a larger range in /etc/subuid`,
      };
    case "host-lacks":
      return { code: Code.Unavailable, text: `this host lacks ${problem.what}\n  run ${problem.fix}` };
    case "unknown-package":
      return refused(
        `the archive has no package "${escapeText(problem.name, 80)}"${meant(problem.meant)}`,
        "look for its name with apt-cache search, and mend the recipe",
      );
    case "unsatisfiable":
      return refused("the packages cannot be installed together:", ...escapedLines(problem.words));
    case "untrusted-archive":
      return refused(
        "the archive's signature does not hold (the key that the base or the recipe names, and its time); nothing was taken from it:",
        ...escapedLines(problem.words),
      );
    case "archive-unreachable":
      return {
        code: Code.Unavailable,
        text: [
          "the archive cannot be read; is there a network, a mirror or proxy in mirrors.yaml?",
          ...escapedLines(problem.words),
        ].join("\n  "),
      };
    case "bad-resolution":
      return refused("the package engine answered what cannot be read:", escapeText(problem.line));
    case "bad-lock":
      return refused(
        `${problem.file} cannot be used as a lock: ${escapeText(problem.because)}`,
        "skerry lock --update makes a new one",
      );
    case "retired-base":
      return refused(
        `the base ${problem.base} is retired; nothing new is built on it`,
        `${migrateCommand(problem.recipe, problem.successor)} builds ${problem.recipe} on ${problem.successor ?? "another base"}; data and grants stay`,
      );
    case "no-successor":
      return refused(
        `the base ${problem.base} names no successor for ${problem.recipe} to move to`,
        `say which: skerry migrate ${problem.recipe} --to BASE`,
      );
    case "unknown-locale":
      return refused(
        `the distribution has no locale ${problem.locale}, which is this host's LANG`,
        "write another one under locale: in facts.yaml (C.UTF-8 is always there)",
      );
    case "component-circle":
      return refused(
        `these components of ${problem.base} need each other, or are too many: ${problem.names.join(", ")}`,
        `take a word out of their needs: (os-bases/${problem.base}/components/)`,
      );
    case "repository-astray":
      return refused(
        `the repository ${problem.uri} and the base's archive ${problem.other} lie in each other`,
        "which of the two a package is from could not be told; name the repository by another address",
      );
    case "repository-replaces":
      return refused(
        `the repository ${problem.uri} would replace packages that the base has: ${problem.packages.slice(0, 10).join(", ")}`,
        "if that is meant, write may-replace: true at the repository in the recipe",
      );
    case "not-as-locked":
      return refused(
        "what was installed is not what was locked; the image was thrown away:",
        ...problem.differences
          .slice(0, 10)
          .map(({ name, locked, found }) => `${name}: locked ${locked ?? "not at all"}, found ${found ?? "nothing"}`),
      );
    case "special-files":
      return refused(
        "a package left device nodes or set-id files; the image was thrown away:",
        ...problem.files.map((file) => escapeText(file)),
      );
    case "fetch-failed":
      return {
        code: Code.Unavailable,
        text: [
          "a package cannot be fetched; tried:",
          ...problem.tried.map(
            ({ uri, because }) => `${escapeText(uri)}: ${FETCH_WORDS[because] ?? escapeText(because)}`,
          ),
        ].join("\n  "),
      };
    case "secret-unavailable":
      return refused(
        `the secret "${problem.name}" cannot be had from its ${problem.from}: ${escapeText(problem.because)}`,
        "secrets: in the deployment says where it comes from (skerry edit)",
      );
    case "no-space":
      return {
        code: Code.ResourceExhausted,
        text: `no space is left on the disk (${problem.path}); nothing half was kept\n  free some and try again`,
      };
    case "step-failed":
      return refused(`${escapeText(problem.step)} failed:`, ...escapedLines(problem.because));
    case "interrupted":
      return { code: Code.Canceled, text: "interrupted" };
    default:
      return unreachable(problem);
  }
}

const FETCH_WORDS: Readonly<Record<string, string>> = {
  "not-found": "not there",
  "wrong-content": "another content than was locked (SHA-256 or size differs)",
  "cut-off": "ended half-way",
  ENOTFOUND: "no such host",
  ECONNREFUSED: "nobody answers",
  ECONNRESET: "ended half-way",
};

function meant(name: string | undefined): string {
  return name === undefined ? "" : `. Did you mean "${name}"?`;
}

function escapedLines(words: string): readonly string[] {
  return words.split("\n").map((line) => escapeText(line, 500));
}
