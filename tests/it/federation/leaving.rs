//! Moving, deleting an account, dead and gone accounts.

use afterparty::accounts::{self, profile, remove};

use crate::both;
use crate::support::{Backend, Net, Peer, TestNode, settle};

both!(
    followers_move_along,
    a_deleted_account_is_gone_everywhere,
    a_move_without_the_back_link_is_ignored,
    the_last_host_stays
);

async fn followers_move_along(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let old = there.host("nina").await;
    here.host("nina_new").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let new = here.account("nina_new").await;
    assert!(
        profile::move_to(
            there.app(),
            &old,
            &there.look_up("nina_new@here.test").await
        )
        .await
        .is_err(),
        "the new account must name the old one"
    );
    profile::set_aliases(here.app(), &new, vec![old.uri.clone()])
        .await
        .unwrap();
    let target = afterparty::federation::actor::refresh(
        there.app(),
        &new.uri,
        &afterparty::federation::fetch::Budget::person(),
    )
    .await
    .unwrap();
    profile::move_to(there.app(), &old, &target).await.unwrap();
    settle(&[&here, &there]).await;
    assert_eq!(here.followers_of("nina_new").await, ["fan"]);
    assert!(there.followers_of("nina").await.is_empty());
    assert!(
        profile::move_to(there.app(), &there.account("nina").await, &target)
            .await
            .is_err(),
        "once a week"
    );
}

async fn a_deleted_account_is_gone_everywhere(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    there.host("keeper").await;
    let nina = there.sign_up("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let post = there.post(&nina, "bye").await;
    settle(&[&here, &there]).await;
    remove::remove(there.app(), &nina).await.unwrap();
    settle(&[&here, &there]).await;
    assert!(here.post_by_uri(&post.uri).await.is_none());
    assert!(
        accounts::find_by_uri(here.app(), &nina.uri)
            .await
            .unwrap()
            .unwrap()
            .deleted_at
            .is_some()
    );
    assert_eq!(here.account("fan").await.following_count, 0);
    assert_eq!(there.document("/users/nina").await.0, 410);
    let new = accounts::create::New {
        name: "nina",
        display_name: "",
        email: None,
        password: "another password",
        role: accounts::Role::Member,
        confirmed: true,
    };
    assert!(
        accounts::create::create(there.app(), new).await.is_err(),
        "a name is not given out twice"
    );
}

async fn a_move_without_the_back_link_is_ignored(backend: Backend) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "peer.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    let fan = node.sign_up("fan").await;
    let (old, new) = (peer.actor("old"), peer.actor("new"));
    let followee = match afterparty::federation::look_up::find(node.app(), &old)
        .await
        .unwrap()
    {
        afterparty::federation::objects::Found::Account(account) => account,
        afterparty::federation::objects::Found::Post(_) => unreachable!(),
    };
    afterparty::relations::follows::request(node.app(), &fan, &followee)
        .await
        .unwrap();
    settle(&[&node]).await;
    let sent = peer.received("Follow").pop().unwrap();
    peer.send(&node, &peer.activity("Accept", &old, 1, sent["id"].clone()))
        .await;
    settle(&[&node]).await;
    let mut moving = peer.activity("Move", &old, 2, old.clone().into());
    moving["target"] = new.clone().into();
    assert_eq!(peer.send(&node, &moving).await, 202);
    settle(&[&node]).await;
    assert!(
        accounts::find_by_uri(node.app(), &old)
            .await
            .unwrap()
            .unwrap()
            .moved_to
            .is_none()
    );
    let mut document = peer.actor_document("new");
    document["alsoKnownAs"] = serde_json::json!([old]);
    peer.serve(&document);
    moving["id"] = peer.at("/activities/Move-3").into();
    peer.send(&node, &moving).await;
    settle(&[&node]).await;
    assert_eq!(
        accounts::find_by_uri(node.app(), &old)
            .await
            .unwrap()
            .unwrap()
            .moved_to,
        Some(new)
    );
    assert_eq!(
        peer.received("Follow").len(),
        2,
        "the fan asks the new account"
    );
}

async fn the_last_host_stays(backend: Backend) {
    let (_, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    assert!(remove::remove(node.app(), &nina).await.is_err());
    let mut tx = node.app().db.begin().await.unwrap();
    let role = accounts::Role::Member;
    let given = accounts::set_role(&mut tx, nina.id, role).await;
    assert!(given.is_err());
    drop(tx);
    assert!(!node.lock_out(&nina, true).await);
    node.host("second").await;
    remove::remove(node.app(), &nina).await.unwrap();
}
