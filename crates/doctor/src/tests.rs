//! Whole projects as people have them: what of their files is read, what daprd has of it in force, and what is said.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::files::{self, Project};
use crate::report::Report;
use crate::{judge, project_report};

const PUBSUB: &str = "\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: events}
spec: {type: pubsub.redis, version: v1, metadata: [{name: streamTTL, value: 12h}]}
";
const TARGET: &str = "targets: {components: {events: {inbound: {retry: deliver}}}}";

fn policies(spec: &str) -> String {
    format!("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {{name: policies}}\nspec: {{{spec}}}\n")
}

fn broken(project: &Project) -> BTreeSet<&'static str> {
    judge(&project.resources).into_iter().map(|finding| finding.rule.number).collect()
}

/// The rules that a component and these files break together.
fn broken_beside(others: &[(&str, &str)]) -> BTreeSet<&'static str> {
    let mut project = files::parse("pubsub.yaml", PUBSUB);
    for (file, text) in others {
        let Project { resources, unread } = files::parse(file, text);
        assert!(unread.is_empty(), "{unread:?}");
        project.resources.extend(resources);
    }
    broken(&project)
}

fn with(spec: &str) -> BTreeSet<&'static str> {
    broken_beside(&[("policies.yaml", &policies(spec))])
}

#[test]
fn policies_are_in_force_under_every_name_daprd_finds_them_by() {
    let none = BTreeSet::new();
    let exponential = "{policy: Exponential, maxRetries: 10}";
    assert_eq!(with(&format!("policies: {{retries: {{deliver: {exponential}}}}}, {TARGET}")), none);
    for level in ["PubsubComponentInbound", "ComponentInbound", "Component", ""] {
        assert_eq!(
            with(&format!("policies: {{retries: {{Default{level}RetryPolicy: {exponential}}}}}")),
            none,
            "{level}"
        );
    }
    let built_in = TARGET.replace("deliver", "DaprBuiltInServiceRetries");
    assert_eq!(with(&built_in), ["R02"].into(), "three retries in step");
    let breaker = format!(
        "policies: {{retries: {{DefaultRetryPolicy: {exponential}}}, circuitBreakers: {{DefaultComponentCircuitBreakerPolicy: {{timeout: 5s}}}}}}"
    );
    assert_eq!(with(&breaker), ["R05"].into());
    let own_target = format!(
        "policies: {{retries: {{DefaultRetryPolicy: {exponential}}}}}, targets: {{components: {{events: {{outbound: {{}}}}}}}}"
    );
    assert_eq!(with(&own_target), ["R01"].into(), "a target without deliveries takes the default away");
    let elsewhere = policies(&format!("policies: {{retries: {{deliver: {exponential}}}}}"));
    assert_eq!(broken_beside(&[("a.yaml", &policies(TARGET)), ("b.yaml", &elsewhere)]), none);
}

#[test]
fn one_field_that_cannot_be_decoded_takes_all_policies_away() {
    for field in [
        "policy: exponental, maxRetries: 10",
        "policy: exponential, maxRetries: '10'",
        "policy: exponential, maxRetries: 10, matching: {httpStatusCodes: 5xx}",
        "policy: exponential, maxRetries: 10, matching: {httpStatusCodes: 503}",
    ] {
        let spec = format!("policies: {{retries: {{deliver: {{{field}}}}}}}, {TARGET}");
        assert_eq!(with(&spec), ["R01", "R09"].into(), "{field}");
    }
    let trips = [
        ("consecutiveFailures >= 5", true),
        ("requests > 10 && (totalFailures * 100 / requests) > 50", true),
        ("consecutiveFailure > 5", false),
        ("consecutiveFailures >", false),
        ("consecutiveFailures = 5", false),
    ];
    for (trip, is_read) in trips {
        let spec = format!(
            "policies: {{retries: {{deliver: {{policy: exponential, maxRetries: 10}}}}, circuitBreakers: {{b: {{trip: '{trip}'}}}}}}, {TARGET}"
        );
        let expected: BTreeSet<&str> = if is_read { [].into() } else { ["R01", "R09"].into() };
        assert_eq!(with(&spec), expected, "{trip}");
    }
}

#[test]
fn a_retry_has_to_cover_every_server_error() {
    for (codes, expected) in [("503", &["R10"][..]), ("500-502,504-599", &["R10"]), ("429,500-599", &[]), ("", &[])] {
        let retry = format!("policy: exponential, maxRetries: 10, matching: {{httpStatusCodes: '{codes}'}}");
        let spec = format!("policies: {{retries: {{deliver: {{{retry}}}}}}}, {TARGET}");
        assert_eq!(with(&spec), expected.iter().copied().collect(), "{codes}");
    }
}

#[test]
fn policies_with_scopes_reach_those_apps_alone() {
    let spec = format!("policies: {{retries: {{deliver: {{policy: exponential, maxRetries: 10}}}}}}, {TARGET}");
    let scoped = policies(&spec) + "scopes: [orders]\n";
    assert_eq!(broken_beside(&[("policies.yaml", &scoped)]), ["R11"].into());
    let mut project = files::parse("pubsub.yaml", &(PUBSUB.to_owned() + "scopes: [orders]\n"));
    project.resources.extend(files::parse("policies.yaml", &scoped).resources);
    assert_eq!(broken(&project), [].into());
}

#[test]
fn subscriptions_are_read_in_their_own_versions_form() {
    let spec = "topic: t, pubsubname: events, deadLetterTopic: d, bulkSubscribe: {enabled: true, maxMessagesCount: 5}";
    let one = |version: &str, routes: &str| {
        format!(
            "apiVersion: dapr.io/{version}\nkind: Subscription\nmetadata: {{name: s}}\nspec: {{{spec}, {routes}}}\n"
        )
    };
    let expected = [
        ("v2alpha1", "routes: {default: /e}", false),
        ("v2alpha1", "route: /e", true),
        ("v1alpha1", "route: /e", false),
        ("v1alpha1", "routes: {default: /e}", true),
    ];
    for (version, routes, is_refused) in expected {
        let found = broken_beside(&[("s.yaml", &one(version, routes))]);
        assert_eq!(found.contains("S06"), is_refused, "{version} {routes}: {found:?}");
        assert!(!found.contains("C07"), "five entries fit ten workers");
    }
    let large = one("v2alpha1", "routes: {default: /e}").replace("maxMessagesCount: 5", "maxMessagesCount: 50");
    assert!(broken_beside(&[("s.yaml", &large)]).contains("C07"));
    assert!(!broken_beside(&[]).contains("C07"), "no batches, no rule about them");
}

#[test]
fn values_are_taken_as_the_components_take_them() {
    let component = |kind: &str, settings: &[(&str, &str)]| {
        let settings: String =
            settings.iter().map(|(name, value)| format!("{{name: {name}, value: '{value}'}},")).collect();
        let text = format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: c}}\nspec: {{type: {kind}, metadata: [{settings}]}}\n"
        );
        let mut broken = broken(&files::parse("c.yaml", &text));
        broken.remove("R01");
        broken
    };
    let rabbit =
        [("deliveryMode", "2"), ("deletedWhenUnused", "False"), ("publisherConfirm", "True"), ("prefetchCount", "9")];
    assert_eq!(component("pubsub.rabbitmq", &rabbit), [].into());
    for truth in ["yes", "True", "on", "1", "y"] {
        let more = [&rabbit[..], &[("autoAck", truth)]].concat();
        assert_eq!(component("pubsub.rabbitmq", &more), ["C13"].into(), "{truth}");
    }
    let kafka = [
        ("consumeRetryEnabled", "False"),
        ("initialOffset", "Oldest"),
        ("backOffMaxRetries", "3"),
        ("backOffDuration", "1s"),
    ];
    assert_eq!(component("pubsub.kafka", &kafka), [].into());
    let groups = [&kafka[..], &[("consumerID", "{appID}"), ("consumerGroup", "{uuid}")]].concat();
    assert_eq!(component("pubsub.kafka", &groups), ["C10"].into());
    for (acks, expected) in [("All", &[][..]), ("", &[]), ("local", &["C18"])] {
        let more = [&kafka[..], &[("producerRequiredAcks", acks)]].concat();
        assert_eq!(component("pubsub.kafka", &more), expected.iter().copied().collect(), "{acks}");
    }
    assert_eq!(component("pubsub.azure.servicebus.topics", &[("ttlInSeconds", "86400")]), [].into());
    assert_eq!(component("pubsub.redis", &[]), ["C20"].into());
}

#[test]
fn a_document_that_daprd_does_not_know_is_there_for_nobody() {
    let spec = format!("policies: {{retries: {{deliver: {{policy: exponential, maxRetries: 10}}}}}}, {TARGET}");
    let mut project = files::parse("policies.yaml", &policies(&spec));
    project.resources.extend(files::parse("pubsub.yaml", &PUBSUB.replace("v1alpha1", "v1")).resources);
    assert_eq!(broken(&project), ["L01", "R08"].into(), "the policies' target is not there");
}

#[test]
fn what_is_common_to_a_run_files_apps_counts_for_each() {
    let run_file = "version: 1\ncommon: {enableAppHealthCheck: true}\napps:\n- {appID: a}\n";
    assert_eq!(broken(&files::parse("dapr.yaml", run_file)), ["W01"].into());
    assert_eq!(broken(&files::parse("dapr.yaml", &run_file.replace("true", "false"))), [].into());
}

#[test]
fn a_large_file_is_read_only_if_it_speaks_of_dapr() {
    let filling = "# much\n".repeat(200_000);
    let foreign = files::parse("data.yaml", &format!("{filling}a: [\n"));
    assert!(foreign.unread.is_empty() && foreign.resources.is_empty(), "{:?}", foreign.unread);
    assert_eq!(files::parse("data.yaml", &format!("{filling}{PUBSUB}")).resources.len(), 1);
}

/// A folder, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("doctor-{}-{name}", std::process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            std::fs::write(path, text).expect("a writable folder");
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_broken_is_named_by_file_and_line_and_the_rest_is_judged() {
    let template = format!(
        "{PUBSUB}---\n{{{{- if .Values.dlq }}}}\napiVersion: dapr.io/v2alpha1\nkind: Subscription\n{{{{- end }}}}\n"
    );
    let run_file = "version: 1\napps:\n- appID: a\n  resourcesPaths: [a, b,,]\n";
    let comment = PUBSUB.replace("metadata:", "# {{ .Values.name }}\nmetadata:");
    let folder = Folder::new(
        "broken",
        &[
            ("template.yaml", &template),
            ("dapr.yaml", run_file),
            ("image.YAML", "spec:\n  template:\n    image:<no value>\n    name: a\n"),
            (".dapr/components/a.yaml", PUBSUB),
            ("comment.yml", &comment),
            ("chart/foreign.yaml", "a: {{ .Values.a }}\n"),
        ],
    );
    std::os::unix::fs::symlink(&folder.0, folder.0.join("again")).expect("a link");
    let pipe = std::process::Command::new("mkfifo").arg(folder.0.join("pipe.yaml")).status();
    assert!(pipe.is_ok_and(|status| status.success()));
    let project = files::read(&folder.0).expect("it is there");
    let mut unread: Vec<(&str, usize)> = project.unread.iter().map(|one| (one.file.as_str(), one.line)).collect();
    unread.sort_unstable();
    assert_eq!(unread.len(), 3, "{:?}", project.unread);
    assert_eq!((unread[0].0, unread[1].0, unread[2].0), ("dapr.yaml", "image.YAML", "template.yaml"));
    assert!(unread[2].1 >= 6, "{unread:?}");
    let files: Vec<&str> = project.resources.iter().map(|resource| resource.file.as_str()).collect();
    assert_eq!(files, [".dapr/components/a.yaml", "comment.yml", "template.yaml"]);
    let retold = project.unread.iter().any(|one| one.why.contains("line "));
    assert!(!retold, "a place within the document beside that in the file: {:?}", project.unread);
    let mut report = Report::new(false);
    project_report("broken", &project, &mut report).expect("there is something to say");
    assert_eq!(report.status(), 3);
    let text = report.text(false).expect("it is text");
    assert!(text.contains("render the template") && text.contains("R01"), "{text}");
}

#[test]
fn a_list_is_read_like_the_documents_in_it() {
    let items = PUBSUB.replace("12h", "10m").lines().map(|line| format!("  {line}\n")).collect::<String>();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n-{}", &items[1..]);
    let project = files::parse("list.yaml", &list);
    assert!(broken(&project).contains("C04"), "{list}{project:?}");
}
